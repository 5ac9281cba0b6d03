"""What replayed rows use, against a model that keeps the whole history and computes every row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.certified_gate import CertifiedGate
from fastcar.reference.correction import Correction
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.oracle import OracleGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.replay import ReplayConfig, ReplayMLP
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_swiglu
from fastcar.reference.thresholds import FixedThresholds, Measures
from fastcar.reference.weights import make_random_weights
from fastcar.strategies import make_config, make_run
from tests.examples import examples
from tests.reference.corrections import make_constant, make_correction
from tests.reference.runs import decode

CONFIG = make_config(layers=2)
LAYERS = make_random_weights(CONFIG, np.random.default_rng(0)).layers
FLOAT32 = np.dtype(np.float32)
CORRECTION, CONSTANT = make_correction(CONFIG), make_constant(CONFIG)
PLACES, FRAMES, ROWS = 2, 6, 3


class ScriptedGate(Gate):
    """Wishes what a script says, [S, L, B]."""

    name = "scripted"

    def __init__(self, wishes: BoolArray) -> None:
        self.wishes = wishes

    def measure(self, query: GateQuery) -> Measures:
        """Always the same."""
        return np.full(len(query.eligible), 0.25)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """What the script says."""
        wish: BoolArray = self.wishes[query.token_index, query.layer_index]
        return wish


class KeepingGate(ScriptedGate):
    """The same with a memory of inputs, as `InputGate` has one."""

    def reset(self, *sizes: Any) -> None:
        """Allocate."""
        config, rows, places, dtype = sizes
        self.last = np.full((config.num_hidden_layers, rows, places, config.hidden_size), np.nan)
        self.last = self.last.astype(dtype)

    def get_last_inputs(self) -> FloatArray:
        """What a correction shall share."""
        return self.last

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Keep the inputs of rows that compute."""
        last = self.last[query.layer_index, :, query.location_index]
        last[~replayed] = query.mlp_input[~replayed]


@dataclass
class NaiveReplacement:
    """One row of one layer over a list of everything: the last computed output, and its input."""

    layer_index: int
    correction: Correction | None
    constant: FloatArray | None
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    computed: list[bool] = field(default_factory=list)

    def run(self, replays: bool, residual: FloatArray) -> FloatArray:
        """The output that the next token uses."""
        layer, token = LAYERS[self.layer_index], len(self.outputs)
        normed = compute_rms_norm(residual[None], layer.mlp_norm, CONFIG.rms_norm_eps)
        self.inputs.append(normed[0])
        self.outputs.append(compute_swiglu(normed, layer)[0])
        self.computed.append(not replays)
        if not replays:
            return np.asarray(self.outputs[token])
        if self.constant is not None:
            return np.asarray(self.constant[self.layer_index], np.float32)
        last = token - PLACES
        while not self.computed[last]:
            last -= PLACES
        used: FloatArray = self.outputs[last]
        if self.correction is not None:
            change = (normed[0] - self.inputs[last])[None]
            used = used + self.correction.compute(self.layer_index, change, NumpyEngine())[0]
        return used


REPLAYS = {
    "plain": ReplayConfig(PLACES),
    "corrected": ReplayConfig(PLACES, correction=CORRECTION),
    "constant": ReplayConfig(PLACES, constant=CONSTANT),
}


@examples(20)
@given(
    st.sampled_from(sorted(REPLAYS)),
    st.sampled_from([ScriptedGate, KeepingGate]),
    st.sampled_from([0.2, 0.7, 1.0]),
    st.integers(0, 999),
)
def test_equals_the_model_with_the_whole_history_bit_for_bit(
    name: str, gate_class: type[ScriptedGate], share: float, seed: int
) -> None:
    rng, replay = np.random.default_rng(seed), REPLAYS[name]
    wishes = rng.random((PLACES * FRAMES, 2, ROWS)) < share
    residuals = rng.standard_normal((*wishes.shape, CONFIG.hidden_size)).astype(np.float32)
    mlp = ReplayMLP(CONFIG, replay, gate_class(wishes), ROWS, FLOAT32)
    naive = [
        [NaiveReplacement(layer, replay.correction, replay.constant) for _ in range(ROWS)]
        for layer in range(2)
    ]
    for _ in range(2):  # a generation leaves nothing behind
        mlp.reset()
        for layer in range(2):
            for row in range(ROWS):
                naive[layer][row] = replace(naive[layer][row], inputs=[], outputs=[], computed=[])
        for token, layer in np.ndindex(len(wishes), 2):
            found = mlp.run(layer, token, residuals[token, layer], LAYERS[layer], None)
            for row in range(ROWS):
                replays = bool(wishes[token, layer, row]) and token >= PLACES
                used = naive[layer][row].run(replays, residuals[token, layer, row])
                assert found.replayed[row] == replays
                assert np.array_equal(found.output[row], used)


def test_no_correction_at_all_equals_plain_replay() -> None:
    run = make_run(0)
    nothing = replace(CORRECTION, up=np.zeros_like(CORRECTION.up))
    gates = [InputGate(FixedThresholds([4.0] * 2)) for _ in range(2)]
    plain, corrected = (
        decode(run, gate, replay=ReplayConfig(run.tokens_per_frame, correction=correction))
        for gate, correction in zip(gates, (None, nothing), strict=True)
    )
    assert 0 < plain.replayed.mean() < 1
    assert np.array_equal(plain.replayed, corrected.replayed)
    assert np.array_equal(plain.logits, corrected.logits)


def test_inputs_are_kept_once() -> None:
    replay = REPLAYS["corrected"]
    gate = InputGate(FixedThresholds([4.0] * 2))
    mlp = ReplayMLP(CONFIG, replay, gate, ROWS, FLOAT32)
    mlp.reset()
    assert mlp.replacement.last_inputs is gate.last_inputs
    mlp = ReplayMLP(CONFIG, replay, ScriptedGate(np.ones((1, 2, ROWS), bool)), ROWS, FLOAT32)
    mlp.reset()
    assert mlp.replacement.last_inputs.shape == mlp.cached_outputs.shape == (2, ROWS, PLACES, 12)


@pytest.mark.parametrize("name", ["plain", "constant"])
def test_nothing_is_kept_without_need(name: str) -> None:
    mlp = ReplayMLP(CONFIG, REPLAYS[name], InputGate(FixedThresholds([4.0] * 2)), ROWS, FLOAT32)
    mlp.reset()
    assert not mlp.replacement.last_inputs.size
    assert mlp.cached_outputs.size == (0 if name == "constant" else 2 * ROWS * PLACES * 12)


@pytest.mark.parametrize("name", REPLAYS)
def test_the_oracle_measures_the_error_of_what_would_be_used(name: str) -> None:
    rng, gate = np.random.default_rng(4), OracleGate(FixedThresholds([-np.inf] * 2))
    mlp = ReplayMLP(CONFIG, REPLAYS[name], gate, 1, FLOAT32)
    mlp.reset()
    naive = NaiveReplacement(0, REPLAYS[name].correction, REPLAYS[name].constant)
    residuals = rng.standard_normal((PLACES + 1, 1, CONFIG.hidden_size)).astype(np.float32)
    for token in range(PLACES):
        mlp.run(0, token, residuals[token], LAYERS[0], None)
        naive.run(False, residuals[token, 0])
    found = mlp.run(0, PLACES, residuals[PLACES], LAYERS[0], None)
    used = naive.run(True, residuals[PLACES, 0])
    assert found.measures is not None
    error = np.linalg.norm(naive.outputs[PLACES].astype(np.float64) - used)
    assert np.isclose(found.measures[0], error, rtol=1e-6)


def test_only_one_of_the_two_is_taken() -> None:
    with pytest.raises(
        ArgumentError, match=r"^constant = \(2, 12\): must be given without correct"
    ):
        ReplayConfig(2, correction=CORRECTION, constant=CONSTANT)


@pytest.mark.parametrize(
    ("constant", "text"),
    [
        (np.zeros((2, 9)), r"^constant shape = \(2, 9\): must be \(2, 12\), an output per layer$"),
        (np.full((2, 12), 1e300), r"^constant = inf: must be finite in float32, at \[0, 0\]$"),
        (np.full((2, 12), np.nan), r"^constant = nan: must be finite in float32, at \[0, 0\]$"),
    ],
)
def test_constants_of_no_model_are_refused(constant: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        ReplayMLP(CONFIG, ReplayConfig(2, constant=constant), None, 1, FLOAT32)


def test_a_guaranteed_error_is_one_of_plain_replay() -> None:
    certificate: Any = None  # refused before anyone asks it
    for name in ("corrected", "constant"):
        gate = CertifiedGate(certificate, (1.0, 1.0))
        with pytest.raises(ArgumentError, match=r"^correction, constant = 'given': must be left"):
            ReplayMLP(CONFIG, REPLAYS[name], gate, 1, FLOAT32)
