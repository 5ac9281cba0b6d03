"""Random attention layers and decodes of the whole decoder on integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.gates import Gate
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.quantization import quantize_whole_checkpoint
from fastcar.reference.replay import ReplayConfig
from fastcar.strategies import Run
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
