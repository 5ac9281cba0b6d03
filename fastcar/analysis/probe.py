"""What a dense run would have told each gate: scores, input and output distances, similarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.analysis.runs import RunRequest, Setup
from fastcar.metrics import Values
from fastcar.reference.arrays import BoolArray
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.engine_choice import NUMPY
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.temporal_attention_score import HeadAggregation, aggregate_heads
from fastcar.reference.thresholds import Measures


@dataclass(frozen=True)
class Probe:
    """A dense run, token against aligned token; J = fed tokens behind the first frame.

    Attributes:
        score_heads: [J, L, B, H] TAS of every head.
        input_distance: [J, L, B] |n_j - n_{j-N}|, n the normalised MLP input.
        output_distance: [J, L, B] |Y_j - Y_{j-N}|, Y the MLP output.
        cosine: [J, L, B] cosine similarity of Y_j and Y_{j-N}.
        changed: [J, B], whether the fed code differs from the aligned one.
        num_fed_tokens: S, the first frame included.
    """

    score_heads: Values
    input_distance: Values
    output_distance: Values
    cosine: Values
    changed: BoolArray
    num_fed_tokens: int

    @property
    def scores(self) -> Values:
        """[J, L, B] TAS, the mean over heads."""
        return np.asarray(aggregate_heads(self.score_heads, HeadAggregation.MEAN), np.float64)

    def compute_open_loop_ratio(self, threshold: float) -> float:
        """Share of all fed tokens and layers whose TAS reaches the threshold."""
        reached = (self.scores >= threshold).sum()
        _, layers, rows = self.input_distance.shape
        return float(reached / (self.num_fed_tokens * layers * rows))


class ProbeGate(Gate):
    """Looks at everything and never replays, so its run is dense."""

    name = "probe"
    needs_score = True

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Start two lists per layer: inputs and outputs of every token."""
        self.inputs: list[list[Values]] = [[] for _ in range(config.num_hidden_layers)]
        self.outputs: list[list[Values]] = [[] for _ in range(config.num_hidden_layers)]

    def measure(self, query: GateQuery) -> Measures:
        """Keep input and output of the token."""
        self.inputs[query.layer_index].append(query.mlp_input.astype(np.float64))
        self.outputs[query.layer_index].append(query.fresh_output.astype(np.float64))
        return np.full(len(query.eligible), np.nan)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Never."""
        return np.zeros(len(measures), bool)


@dataclass(frozen=True)
class ProbeRequest:
    """A dense run with a probe; attributes as in `RunRequest`."""

    clips: int
    frames: int
    split: str = "held_out"
    engine: str = NUMPY

    def execute(self, model: ClipModel) -> Probe:
        """Run it."""
        gate = ProbeGate()
        setup = Setup("tas")
        request = RunRequest(self.clips, self.frames, setup, split=self.split, engine=self.engine)
        result = request.decode(model, gate)
        frame_tokens = model.tokens_per_frame
        layers = zip(gate.inputs, gate.outputs, strict=True)
        measured = [_compare_layer(*layer, frame_tokens) for layer in layers]
        input_distance, output_distance, cosine = (
            np.stack(parts, axis=1) for parts in zip(*measured, strict=True)
        )
        fed = result.token_ids[:, :-1].T  # [S, B]
        return Probe(
            result.record.score_heads[frame_tokens:].astype(np.float64),
            input_distance,
            output_distance,
            cosine,
            fed[frame_tokens:] != fed[:-frame_tokens],
            len(fed),
        )


def _compare_layer(
    inputs: list[Values], outputs: list[Values], frame_tokens: int
) -> tuple[Values, Values, Values]:
    """Input distance, output distance and cosine, each [J, B]; entries are [B, D]."""
    inner, outer = np.stack(inputs), np.stack(outputs)  # [S, B, D]
    fresh, aligned = outer[frame_tokens:], outer[:-frame_tokens]
    return (
        compute_norm(inner[frame_tokens:] - inner[:-frame_tokens]),
        compute_norm(fresh - aligned),
        compute_cosine(fresh, aligned),
    )


def compute_norm(vectors: Values) -> Values:
    """Euclidean norm along the last axis."""
    return np.asarray(np.sqrt((vectors * vectors).sum(axis=-1)))


def compute_cosine(first: Values, second: Values) -> Values:
    """Cosine similarity along the last axis; 0 where a vector vanishes."""
    lengths = compute_norm(first) * compute_norm(second)
    products: NDArray[np.float64] = (first * second).sum(axis=-1)
    return np.asarray(products / np.where(lengths > 0, lengths, 1))
