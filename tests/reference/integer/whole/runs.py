"""Random attention layers and decodes of the whole decoder on integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.integer.threshold import compute_integer_thresholds
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.quantization import quantize_whole_checkpoint
from fastcar.reference.integer.whole.rotary import make_integer_rotary_table
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run
from tests.reference.integer.whole.naive import NaiveWhole
from tests.reference.runs import Decoded, decode_with


def quantize_whole_run(run: Run) -> WholeModel:
    """The model of a run, quantised with ranges of that run."""
    return quantize_whole_checkpoint(run.config, run.weights, run.prompt_ids, run.forced_ids)


def make_whole_decoder(
    run: Run, model: WholeModel, gate: Gate | None = None, **options: Any
) -> WholeDecoder:
    """A whole decoder with room for the run; words of 4 keys unless `options` say."""
    options.setdefault("replay", ReplayConfig(run.tokens_per_frame))
    options.setdefault("num_lanes", 4)
    capacity = run.prompt_ids.shape[1] + run.steps
    return WholeDecoder(
        run.config,
        run.weights,
        rows=run.rows,
        capacity_tokens=capacity,
        model=model,
        gate=gate,
        **options,
    )


def decode_whole(run: Run, model: WholeModel, gate: Gate | None = None, **options: Any) -> Decoded:
    """Feed a run to a fresh whole decoder."""
    return decode_with(make_whole_decoder(run, model, gate, **options), run)


def to_integers(logits: np.ndarray[Any, Any], model: WholeModel) -> np.ndarray[Any, Any]:
    """The int16 logits that float64 logits stand for."""
    return np.rint(logits / model.head.scale).astype(np.int64)


def make_gate(name: str, level: float, num_layers: int = 2) -> Gate | None:
    """A fresh gate with one threshold for all layers."""
    fixed = FixedThresholds([level] * num_layers)
    gates: dict[str, Gate | None] = {
        "dense": None,
        "tas": TemporalAttentionScoreGate(fixed),
        "input": InputGate(fixed),
    }
    return gates[name]


def run_naively(
    run: Run, row: int, model: WholeModel, gate: Gate | None, sparse: SparseAttention | None
) -> tuple[list[list[int]], list[bool]]:
    """Logits behind every token of one row, and its decisions in their order."""
    thresholds = compute_integer_thresholds(model.mlp, gate)
    by_distance = isinstance(gate, InputGate)

    def decides(layer_index: int, score: int) -> bool:
        limit = thresholds[layer_index]
        return score <= limit if by_distance else score >= limit

    def is_visible(token: int, key: int) -> bool:
        if sparse is None:
            return True
        return token - key < sparse.window_tokens or key < sparse.sink_tokens

    kept = run.prompt_ids[row][run.prompt_mask[row]].tolist()
    rotary = make_integer_rotary_table(run.config, 64)
    plain = NaiveWhole(
        model,
        rotary,
        len(kept),
        run.tokens_per_frame,
        4,
        is_visible,
        None if gate is None else decides,
        by_distance,
    )
    return plain.run(kept + run.forced_ids[row].tolist()), plain.replayed
