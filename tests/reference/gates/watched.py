"""A gate that writes down all it was asked about, for rules that are stated again plainly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.thresholds import FixedThresholds, Measures
from fastcar.strategies import Run, make_config, make_run, runs
from tests.reference.runs import decode

any_runs = runs() | st.builds(
    lambda seed: make_run(seed, make_config(layers=5), frames=5, rows=2), st.integers(0, 99)
)
limits = st.none() | st.integers(0, 2)
warmups = st.integers(1, 2)


class WatchedGate(Gate):
    """Does as another gate does that needs no score, and keeps the questions."""

    name = "watched"

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.seen: list[dict[str, Any]] = []

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Of the other one."""
        self.gate.reset(config, rows, tokens_per_frame, dtype)

    def measure(self, query: GateQuery) -> Measures:
        """Of the other one."""
        return self.gate.measure(query)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Of the other one."""
        return self.gate.decide(query, measures)

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Of the other one."""
        self.gate.update(query, measures, replayed)

    def see_output(self, query: GateQuery, output: FloatArray, replayed: BoolArray) -> None:
        """Of the other one; then keep what is known."""
        self.gate.see_output(query, output, replayed)
        kept = {
            "inputs": query.mlp_input,
            "before": query.residual,
            "after": query.residual + output,
            "token_ids": query.token_ids,
            "embedded": query.embedded,
        }
        self.seen.append({name: np.array(value) for name, value in kept.items()})


@dataclass(frozen=True)
class Watched:
    """A run of a gate; S steps, L layers, B rows.

    Attributes:
        inputs: [S, L, B, D], normalised MLP inputs.
        before: [S, L, B, D], residual stream before the MLP.
        after: [S, L, B, D], and after it.
        token_ids: [S, B].
        embedded: [S, B, D].
        measures: [S, L, B].
        replayed: [S, L, B].
        eligible: [S, L, B].
    """

    inputs: FloatArray
    before: FloatArray
    after: FloatArray
    token_ids: Any
    embedded: FloatArray
    measures: Measures
    replayed: BoolArray
    eligible: BoolArray


def watch(run: Run, gate: Gate, max_chain: int | None = None, warmup_frames: int = 1) -> Watched:
    """Decode a run under a gate."""
    watched = WatchedGate(gate)
    replay = ReplayConfig(run.tokens_per_frame, max_chain=max_chain, warmup_frames=warmup_frames)
    decoded = decode(run, watched, replay=replay)

    def stack(name: str) -> Any:
        parts = np.stack([seen[name] for seen in watched.seen])
        return parts.reshape(run.steps, run.config.num_hidden_layers, *parts.shape[1:])

    return Watched(
        stack("inputs"),
        stack("before"),
        stack("after"),
        stack("token_ids")[:, 0],
        stack("embedded")[:, 0],
        decoded.measures,
        decoded.replayed,
        decoded.eligible,
    )


def make_gate(name: str, run: Run, level: float, codebook: FloatArray | None = None) -> Gate:
    """A gate by name with one threshold for all layers."""
    thresholds = FixedThresholds([level] * run.config.num_hidden_layers)
    return make_threshold_gate(name, thresholds, codebook=codebook)


def check(run: Run, watched: Watched, expected: Any, level: float, is_score: bool = False) -> None:
    """Measures [S, L, B] as expected, and decisions that follow from them."""
    assert np.array_equal(np.isnan(watched.measures), np.isnan(expected))
    assert np.allclose(watched.measures, expected, rtol=1e-5, atol=1e-7, equal_nan=True)
    safe = watched.measures >= level if is_score else watched.measures <= level
    assert np.array_equal(watched.replayed, safe & watched.eligible)


def each_place(run: Run) -> Any:
    """Layer, row and the tokens of every place in their order."""
    for layer in range(run.config.num_hidden_layers):
        for row in range(run.rows):
            for place in range(min(run.tokens_per_frame, run.steps)):
                yield layer, row, range(place, run.steps, run.tokens_per_frame)


def total(values: Any) -> float:
    return sum(abs(float(value)) for value in values)
