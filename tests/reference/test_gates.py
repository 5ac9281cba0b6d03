"""Each gate on its own: what it measures, where it replays, what it remembers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastcar.reference.engine as engine
from fastcar.reference.arrays import FloatArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates import (
    Gate,
    GateQuery,
    InputGate,
    OracleGate,
    PeriodicGate,
    RandomGate,
    TemporalAttentionScoreGate,
)
from fastcar.reference.mlp_evaluation import MlpEvaluation
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_swiglu
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds, Thresholds
from fastcar.reference.weights import LayerWeights, make_random_weights
from fastcar.strategies import make_config

CONFIG = make_config(layers=1)
LAYER = make_random_weights(CONFIG, np.random.default_rng(0), np.float64).layers[0]
FLOAT64 = np.dtype(np.float64)


def make_query(residual: FloatArray, token_index: int = 2, tokens_per_frame: int = 2) -> GateQuery:
    rows = len(residual)
    cached = np.zeros_like(residual)
    return GateQuery(
        layer_index=0,
        token_index=token_index,
        tokens_per_frame=tokens_per_frame,
        eligible=np.ones(rows, bool),
        score=None,
        cached_output=cached,
        mlp=MlpEvaluation(residual, LAYER, CONFIG.rms_norm_eps, engine.NumpyEngine()),
    )


def draw_residual(seed: int, rows: int = 3) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((rows, CONFIG.hidden_size))


def normalise(residual: FloatArray) -> FloatArray:
    return compute_rms_norm(residual, LAYER.mlp_norm, CONFIG.rms_norm_eps)


@given(st.integers(0, 40), st.integers(1, 9))
def test_frame_and_location_make_the_token(token_index: int, tokens_per_frame: int) -> None:
    query = make_query(draw_residual(0), token_index, tokens_per_frame)
    assert query.frame_index * tokens_per_frame + query.location_index == token_index
    assert 0 <= query.location_index < tokens_per_frame


def test_the_block_runs_once_per_token_for_the_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[int] = []

    def count(normed: FloatArray, layer: LayerWeights) -> FloatArray:
        entered.append(len(normed))
        return compute_swiglu(normed, layer)

    monkeypatch.setattr(engine, "compute_swiglu", count)
    query = make_query(draw_residual(0))
    OracleGate(FixedThresholds([0.0])).measure(query)
    query.mlp.compute_outputs(np.ones(3, bool))
    assert entered == [3]


@pytest.mark.parametrize(
    ("gate", "replays"),
    [
        (TemporalAttentionScoreGate(FixedThresholds([0.5])), [False, True, True, False]),
        (TemporalAttentionScoreGate(FixedThresholds([0.5]), True), [False, False, True, False]),
        (InputGate(FixedThresholds([0.5])), [True, True, False, False]),
        (InputGate(FixedThresholds([0.5]), True), [True, False, False, False]),
        (OracleGate(FixedThresholds([0.5])), [True, True, False, False]),
        (OracleGate(FixedThresholds([0.5]), True), [True, False, False, False]),
    ],
)
def test_comparison_at_below_and_above_the_threshold(gate: Gate, replays: list[bool]) -> None:
    measures = np.array([0.5 - 1e-9, 0.5, 0.5 + 1e-9, np.nan])
    decided = gate.decide(make_query(draw_residual(0, rows=4)), measures)
    assert decided.tolist() == replays


def test_threshold_is_not_rounded_to_the_dtype_of_the_score() -> None:
    score = np.full(3, 0.1, np.float32)  # above 0.1 in float64
    query = replace(make_query(draw_residual(0)), score=score)
    gate = TemporalAttentionScoreGate(FixedThresholds([0.1]), strict=True)
    measures = gate.measure(query)
    assert measures.dtype == np.float64
    assert gate.decide(query, measures).all()


def test_score_gate_has_no_measure_without_a_score() -> None:
    measures = TemporalAttentionScoreGate(FixedThresholds([0.0])).measure(
        make_query(draw_residual(0))
    )
    assert np.isnan(measures).all()


@given(st.integers(0, 2**16))
def test_input_gate_measures_the_distance_to_the_last_computed_input(seed: int) -> None:
    gate = InputGate(FixedThresholds([1.0]))
    gate.reset(CONFIG, 3, 2, FLOAT64)
    residuals = [draw_residual(seed + frame) for frame in range(4)]
    replays = [np.zeros(3, bool), *(np.random.default_rng(seed).random((3, 3)) < 0.5)]
    last = np.full(residuals[0].shape, np.nan)
    for frame, (residual, replayed) in enumerate(zip(residuals, replays, strict=True)):
        query = make_query(residual, token_index=2 * frame)
        other_place = make_query(residual, token_index=2 * frame + 1)
        normed = normalise(residual)
        measures = gate.measure(query)
        if frame == 0:
            assert np.isnan(measures).all()
            assert np.isnan(gate.measure(other_place)).all()
        else:
            expected = [math.dist(a, b) for a, b in zip(normed, last, strict=True)]
            assert np.allclose(measures, expected, rtol=1e-13, atol=0)
        gate.update(query, measures, replayed)
        last[~replayed] = normed[~replayed]


def test_input_gate_forgets_at_reset() -> None:
    gate = InputGate(FixedThresholds([1.0]))
    for _ in range(2):
        gate.reset(CONFIG, 3, 2, FLOAT64)
        query = make_query(draw_residual(0))
        measures = gate.measure(query)
        assert np.isnan(measures).all()
        gate.update(query, measures, np.zeros(3, bool))
        assert not gate.measure(query).any()


@given(st.integers(0, 2**16))
def test_oracle_measures_the_error_of_a_replay(seed: int) -> None:
    query = replace(make_query(draw_residual(seed)), cached_output=draw_residual(seed + 1))
    fresh = compute_swiglu(normalise(query.mlp.residual), LAYER)
    expected = [math.dist(a, b) for a, b in zip(fresh, query.cached_output, strict=True)]
    measures = OracleGate(FixedThresholds([1.0])).measure(query)
    assert np.allclose(measures, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("ratio", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_random_gate_replays_its_share(ratio: float) -> None:
    gate = RandomGate(ratio, seed=1)
    gate.reset(CONFIG, 3, 2, FLOAT64)
    query = make_query(draw_residual(0))
    decided = np.array([gate.decide(query, gate.measure(query)) for _ in range(2000)])
    # Five standard deviations of 2000 draws; none at 0 and 1, where the share is exact.
    assert np.abs(decided.mean(axis=0) - ratio).max() <= 5 * math.sqrt(ratio * (1 - ratio) / 2000)


@given(st.integers(0, 2**16), st.integers(1, 5), st.integers(1, 5))
def test_random_rows_have_their_own_streams(seed: int, rows: int, other_rows: int) -> None:
    gate, other = RandomGate(0.5, seed), RandomGate(0.5, seed)
    draws = []
    for one, size in ((gate, rows), (other, other_rows)):
        one.reset(CONFIG, size, 2, FLOAT64)
        query = make_query(draw_residual(0, size))
        draws.append(np.array([one.measure(query) for _ in range(4)]))
    common = min(rows, other_rows)
    assert np.array_equal(draws[0][:, :common], draws[1][:, :common])
    assert len(np.unique(draws[0])) == draws[0].size  # no row repeats another's stream


def test_random_gate_starts_again_at_reset_and_differs_by_seed() -> None:
    query = make_query(draw_residual(0))
    draws = []
    for seed in (3, 3, 4):
        gate = RandomGate(0.5, seed)
        for _ in range(2):
            gate.reset(CONFIG, 3, 2, FLOAT64)
            draws.append(gate.measure(query))
    assert all(np.array_equal(draws[0], same) for same in draws[1:4])
    assert not np.array_equal(draws[0], draws[4])


@given(st.integers(0, 20).map(lambda share: share / 20), st.integers(1, 6), st.integers(1, 40))
def test_periodic_gate_keeps_its_share_and_its_longest_wait(
    ratio: float, tokens_per_frame: int, frames: int
) -> None:
    gate = PeriodicGate(ratio)
    for location in range(tokens_per_frame):
        waits = longest = replays = 0
        for frame in range(frames):
            token = frame * tokens_per_frame + location
            query = make_query(draw_residual(0), token, tokens_per_frame)
            decided = gate.decide(query, gate.measure(query))
            assert len(set(decided.tolist())) == 1
            replays += int(decided[0])
            waits = waits + 1 if decided[0] else 0
            longest = max(longest, waits)
        assert abs(replays - ratio * frames) < 1 + 1e-9
        if ratio < 1:  # frames from one computation to the next
            assert longest + 1 <= math.ceil(1 / (1 - ratio) - 1e-9)


def test_periodic_gate_computes_some_places_of_every_frame() -> None:
    gate = PeriodicGate(0.75)
    for frame in range(6):
        queries = [make_query(draw_residual(0), frame * 8 + place, 8) for place in range(8)]
        decided = [bool(gate.decide(query, gate.measure(query))[0]) for query in queries]
        assert sum(decided) == 6


@pytest.mark.parametrize("ratio", [-0.5, 1.5, float("nan")])
@pytest.mark.parametrize("gate", [RandomGate, PeriodicGate])
def test_refuses_ratios_outside_the_unit_interval(
    gate: type[RandomGate] | type[PeriodicGate], ratio: float
) -> None:
    with pytest.raises(ArgumentError, match=r"^ratio = \S+: must be in \[0, 1\]$"):
        gate(ratio)


def test_refuses_a_negative_seed() -> None:
    with pytest.raises(ArgumentError, match=r"^seed = -1: must be at least 0$"):
        RandomGate(0.5, seed=-1)


@pytest.mark.parametrize(
    "thresholds", [FixedThresholds([0.0]), AdaptiveThresholds(5, 0.5, higher_is_safer=True)]
)
def test_another_number_of_thresholds_than_layers_is_refused(thresholds: Thresholds) -> None:
    gate = TemporalAttentionScoreGate(thresholds)
    with pytest.raises(ArgumentError, match=r"^number of thresholds = [15]: must be 2, one"):
        gate.reset(make_config(layers=2), 1, 4, np.dtype(np.float32))
