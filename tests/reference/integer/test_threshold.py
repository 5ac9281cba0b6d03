"""Integer thresholds decide as the real ones do, and gates that integers cannot decide."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.oracle import OracleGate
from fastcar.reference.gates.planned import PeriodicGate, RandomGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.integer.fixed_point import compute_integer_threshold
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.threshold import (
    compute_distance_threshold,
    compute_integer_thresholds,
    get_decision_source,
)
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds
from tests.reference.integer.runs import make_model

MODEL = make_model(1)
MAX_DISTANCE = 2**47 - 1


@given(
    st.integers(0, 2**40) | st.integers(0, 2**20).map(lambda root: root * root),
    st.floats(1e-9, 1e3) | st.integers(-30, 10).map(lambda exponent: 2.0**exponent),
    st.sampled_from([-1, 0, 1]),
)
def test_integer_comparison_is_the_real_one(distance: int, scale: float, side: int) -> None:
    threshold = math.sqrt(distance) * scale
    if side and threshold:
        threshold = math.nextafter(threshold, side * math.inf)
    exact, limit = distance * Fraction(scale) ** 2, Fraction(threshold) ** 2
    assert (distance <= compute_distance_threshold(threshold, scale)) == (exact <= limit)
    strict = compute_distance_threshold(threshold, scale, strict=True)
    assert (distance <= strict) == (exact < limit)


@given(st.floats(min_value=0, allow_nan=False), st.floats(1e-9, 1e3))
@example(math.inf, 1.0)
def test_threshold_fits_48_bits(threshold: float, scale: float) -> None:
    assert -1 <= compute_distance_threshold(threshold, scale) <= MAX_DISTANCE


def test_negative_distance_never_replays_and_infinite_always() -> None:
    assert compute_distance_threshold(-math.inf, 0.1) == -1
    assert compute_distance_threshold(-1e-300, 0.1) == -1
    assert compute_distance_threshold(0.0, 0.1, strict=True) == -1
    assert compute_distance_threshold(math.inf, 0.1) == MAX_DISTANCE


def test_nan_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^threshold = nan: must be a number, inf or -inf$"):
        compute_distance_threshold(math.nan, 1.0)


@pytest.mark.parametrize("strict", [False, True])
def test_every_layer_has_the_threshold_of_its_scales(strict: bool) -> None:
    thresholds = FixedThresholds([0.25, None])
    first = MODEL.layers[0].scales
    score = compute_integer_threshold(0.25, first.query, first.key, 4, 4, strict)
    gate = TemporalAttentionScoreGate(thresholds, strict)
    assert compute_integer_thresholds(MODEL, gate) == (score, 0)
    distance = compute_distance_threshold(0.25, first.normed, strict)
    assert compute_integer_thresholds(MODEL, InputGate(thresholds, strict)) == (distance, 0)
    assert compute_integer_thresholds(MODEL, None) == (0, 0)


def test_source_follows_the_gate() -> None:
    thresholds = FixedThresholds([0.25, None])
    assert get_decision_source(InputGate(thresholds)) is DecisionSource.DISTANCE
    for gate in (None, TemporalAttentionScoreGate(thresholds), RandomGate(0.5), PeriodicGate(0.5)):
        assert get_decision_source(gate) is DecisionSource.SCORE


def test_gates_that_integers_do_not_decide_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^gate = 'oracle': must be one of tas, input, random"):
        get_decision_source(OracleGate(FixedThresholds([0.1])))
    adaptive = TemporalAttentionScoreGate(AdaptiveThresholds(2, 0.5, True))
    with pytest.raises(ArgumentError, match=r"^thresholds = 'AdaptiveThresholds': must be fixed$"):
        get_decision_source(adaptive)
    with pytest.raises(
        ArgumentError, match=r"^number of thresholds = 1: must be 2, one per layer$"
    ):
        compute_integer_thresholds(MODEL, TemporalAttentionScoreGate(FixedThresholds([0.1])))
