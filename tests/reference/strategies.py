"""Random tiny runs, gates, attention arguments and options, drawn by Hypothesis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.gate_factory import THRESHOLD_GATES, make_threshold_gate
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.planned import PeriodicGate, RandomGate
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds, Thresholds
from fastcar.strategies.models import FLOAT_TYPES, HEADS, FloatType

float_types: st.SearchStrategy[FloatType] = st.sampled_from(FLOAT_TYPES)


@dataclass(frozen=True)
class GateSpec:
    """A gate in words, because a gate itself has a state.

    Attributes:
        name: as in `Gate.name`.
        level: threshold or ratio.
        is_adaptive: the level is a target ratio that the thresholds track.
    """

    name: str
    level: float
    is_adaptive: bool = False

    def make(self, num_layers: int) -> Gate:
        """A fresh gate."""
        if self.name == "random":
            return RandomGate(self.level, seed=7)
        if self.name == "periodic":
            return PeriodicGate(self.level)
        thresholds: Thresholds = FixedThresholds([self.level] * num_layers)
        if self.is_adaptive:
            safer = THRESHOLD_GATES[self.name].higher_is_safer
            thresholds = AdaptiveThresholds(num_layers, self.level, safer)
        return make_threshold_gate(self.name, thresholds)


GATES = (
    GateSpec("tas", 0.0),
    GateSpec("tas", 0.5, is_adaptive=True),
    GateSpec("input", 4.0),
    GateSpec("input", 0.5, is_adaptive=True),
    GateSpec("oracle", 3.0),
    GateSpec("oracle", 0.5, is_adaptive=True),
    GateSpec("random", 0.5),
    GateSpec("periodic", 0.6),
)
"""Gates that the kernel of whole frames knows, at levels where runs both replay and compute."""

STEP_GATES = (
    GateSpec("input-relative", 1.1),
    GateSpec("input-relative", 0.5, is_adaptive=True),
    GateSpec("accumulated", 1.8),
    GateSpec("accumulated", 0.5, is_adaptive=True),
    GateSpec("accumulated-frame", 1.3),
    GateSpec("accumulated-frame", 0.5, is_adaptive=True),
    GateSpec("motion", 1.8),
    GateSpec("motion", 0.5, is_adaptive=True),
    GateSpec("skip-cosine", 0.85),
    GateSpec("skip-cosine", 0.5, is_adaptive=True),
    GateSpec("codes", 4.0),
    GateSpec("codes", 0.5, is_adaptive=True),
)
"""The others, which every engine decides step by step."""

attention_options = st.fixed_dictionaries(
    {
        "fused": st.booleans(),
        "sparse": st.none() | st.builds(SparseAttention, st.integers(1, 9), st.integers(0, 3)),
    }
)
"""Options of a decoder that no replay law may depend on."""

gate_specs = st.sampled_from((*GATES, *STEP_GATES))
"""Every gate."""


@dataclass(frozen=True)
class AttentionInput:
    """Arguments of an attention function; every row sees at least its last key.

    Attributes:
        query: [B, H, d].
        keys: [B, H_kv, S, d].
        values: [B, H_kv, S, d].
        visible: [B, S].
    """

    query: FloatArray
    keys: FloatArray
    values: FloatArray
    visible: BoolArray

    def get_row(self, row: int) -> AttentionInput:
        """One row alone."""
        return AttentionInput(
            self.query[[row]], self.keys[[row]], self.values[[row]], self.visible[[row]]
        )


@st.composite
def attention_inputs(draw: st.DrawFn) -> AttentionInput:
    """Any kind of attention, up to 20 keys, logits of very different size."""
    heads, key_value_heads = HEADS[draw(st.sampled_from(sorted(HEADS)))]
    rows, num_keys = draw(st.integers(1, 3)), draw(st.integers(1, 20))
    dtype = draw(float_types)
    sharpness = draw(st.sampled_from([0.1, 1.0, 4.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    query = (rng.standard_normal((rows, heads, 4)) * sharpness).astype(dtype)
    keys = rng.standard_normal((rows, key_value_heads, num_keys, 4)).astype(dtype)
    values = rng.standard_normal(keys.shape).astype(dtype)
    visible = rng.random((rows, num_keys)) < 0.7
    visible[:, -1] = True
    return AttentionInput(query, keys, values, visible)
