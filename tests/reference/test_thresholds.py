"""Thresholds: fixed ones stay, adaptive ones reach their target, each row on its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastcar.reference.errors import ArgumentError
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds, check_ratio
from tests.examples import examples

orientations = st.booleans()


def run_adaptive(
    thresholds: AdaptiveThresholds, measures: NDArray[np.float64], higher_is_safer: bool
) -> NDArray[np.bool_]:
    """Decisions of one layer on measures [S, B], every token eligible."""
    eligible = np.ones(measures.shape[1], bool)
    decisions = []
    for measure in measures:
        threshold = thresholds.get(0)
        replayed = measure >= threshold if higher_is_safer else measure <= threshold
        thresholds.update(0, measure, eligible, replayed)
        decisions.append(replayed)
    return np.array(decisions)


@examples(20)
@given(
    st.integers(0, 2**16),
    st.floats(0.05, 0.95),
    orientations,
    st.sampled_from([1e-3, 1.0, 1e3]),
    st.floats(-5, 5),
)
def test_adaptive_ratio_converges_on_independent_scores(
    seed: int, target: float, higher_is_safer: bool, scale: float, centre: float
) -> None:
    thresholds = AdaptiveThresholds(1, target, higher_is_safer)
    thresholds.reset(2)
    noise = np.random.default_rng(seed).standard_normal((3000, 2))
    decisions = run_adaptive(thresholds, (noise + centre) * scale, higher_is_safer)
    # Half the tokens to settle; 1500 draws have a standard deviation of at most 0.013.
    assert np.abs(decisions[1500:].mean(axis=0) - target).max() < 0.065


@given(st.integers(0, 2**16), st.floats(0, 1), orientations, st.integers(0, 2))
def test_rows_adapt_on_their_own(seed: int, target: float, higher_is_safer: bool, row: int) -> None:
    measures = np.random.default_rng(seed).standard_normal((40, 3))
    together, alone = (AdaptiveThresholds(1, target, higher_is_safer) for _ in range(2))
    together.reset(3)
    alone.reset(1)
    decisions = run_adaptive(together, measures, higher_is_safer)
    single = run_adaptive(alone, measures[:, [row]], higher_is_safer)
    assert np.array_equal(decisions[:, [row]], single)
    assert np.asarray(together.get(0))[row] == np.asarray(alone.get(0))[0]


def test_layers_adapt_on_their_own() -> None:
    thresholds = AdaptiveThresholds(2, 0.5, higher_is_safer=True)
    thresholds.reset(1)
    run_adaptive(thresholds, np.ones((5, 1)), higher_is_safer=True)
    assert np.isnan(thresholds.get(1)).all()


@given(st.integers(0, 2**16), orientations)
def test_tokens_that_are_not_eligible_teach_nothing(seed: int, higher_is_safer: bool) -> None:
    thresholds = AdaptiveThresholds(1, 0.5, higher_is_safer)
    thresholds.reset(2)
    measures = np.random.default_rng(seed).standard_normal((20, 2))
    run_adaptive(thresholds, measures, higher_is_safer)
    before = np.array(thresholds.get(0))
    none = np.zeros(2, bool)
    thresholds.update(0, np.array([1e6, np.nan]), none, none)
    assert np.array_equal(thresholds.get(0), before)


@pytest.mark.parametrize("higher_is_safer", [True, False])
def test_a_replay_makes_the_next_one_harder_and_a_computation_easier(
    higher_is_safer: bool,
) -> None:
    sign = 1 if higher_is_safer else -1
    thresholds = AdaptiveThresholds(1, 0.5, higher_is_safer)
    thresholds.reset(2)
    eligible = np.ones(2, bool)
    thresholds.update(0, np.zeros(2), eligible, np.zeros(2, bool))
    assert np.array_equal(thresholds.get(0), [0, 0])  # the first measure is the first estimate
    thresholds.update(0, sign * np.array([1.0, -1.0]), eligible, np.array([True, False]))
    # Spread 0.05 x 1, gain 0.1; half a replay is missing, so the aim is a 64th of it higher.
    aim = 0.5 + 0.5 / 64
    steps = sign * 0.005 * np.array([1 - aim, -aim])
    assert np.allclose(thresholds.get(0), steps, rtol=1e-12, atol=0)


@examples(20)
@given(st.integers(0, 2**16), st.sampled_from([0.2, 0.5, 0.8]), orientations)
def test_the_whole_video_keeps_the_ratio_while_measures_drift(
    seed: int, target: float, higher_is_safer: bool
) -> None:
    thresholds = AdaptiveThresholds(1, target, higher_is_safer)
    thresholds.reset(2)
    drift = np.linspace(0, 6, 900)[:, None]  # in standard deviations of the measures
    measures = np.random.default_rng(seed).standard_normal((900, 2)) + drift
    decisions = run_adaptive(thresholds, measures, higher_is_safer)
    assert np.abs(decisions.mean(axis=0) - target).max() < 0.02
    assert np.allclose(thresholds.surpluses[0], decisions.sum(axis=0) - 900 * target, atol=1e-9)


def test_reset_forgets_what_was_learned() -> None:
    thresholds = AdaptiveThresholds(1, 0.3, higher_is_safer=True)
    measures = np.random.default_rng(0).standard_normal((50, 2))
    thresholds.reset(2)
    first = run_adaptive(thresholds, measures, higher_is_safer=True)
    thresholds.reset(2)
    assert np.isnan(thresholds.get(0)).all()
    assert np.array_equal(first, run_adaptive(thresholds, measures, higher_is_safer=True))


def test_fixed_thresholds_neither_learn_nor_forget() -> None:
    thresholds = FixedThresholds([0.5, None, -np.inf, np.inf])
    thresholds.update(0, np.ones(1), np.ones(1, bool), np.ones(1, bool))
    thresholds.reset(3)
    assert [thresholds.is_active(layer) for layer in range(4)] == [True, False, True, True]
    assert [thresholds.get(layer) for layer in (0, 2, 3)] == [0.5, -np.inf, np.inf]


def test_refuses_a_threshold_that_is_not_a_number() -> None:
    message = r"^threshold = nan: must be a number, inf, -inf or none$"
    with pytest.raises(ArgumentError, match=message):
        FixedThresholds([0.1, None, float("nan")])


@pytest.mark.parametrize("ratio", [-0.01, 1.01, float("nan"), float("inf")])
def test_refuses_ratios_outside_the_unit_interval(ratio: float) -> None:
    with pytest.raises(ArgumentError, match=r"^share = \S+: must be in \[0, 1\]$"):
        check_ratio("share", ratio)
    with pytest.raises(ArgumentError, match=r"^target_ratio = \S+: must be in \[0, 1\]$"):
        AdaptiveThresholds(1, ratio, higher_is_safer=True)


@pytest.mark.parametrize("ratio", [0, 0.5, 1])
def test_accepts_ratios_up_to_the_ends(ratio: float) -> None:
    check_ratio("share", ratio)


@pytest.mark.parametrize("gain", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_gains_that_cannot_converge(gain: float) -> None:
    with pytest.raises(ArgumentError, match=r"^gain = \S+: must be finite and above 0$"):
        AdaptiveThresholds(1, 0.5, higher_is_safer=True, gain=gain)


def test_decisions_without_a_measure_teach_nothing() -> None:
    adaptive, plain = (AdaptiveThresholds(1, 0.3, higher_is_safer=True) for _ in range(2))
    rng = np.random.default_rng(0)
    for thresholds in (adaptive, plain):
        thresholds.reset(1)
    eligible, nothing = np.ones(1, bool), np.full(1, np.nan)
    for measure in rng.random(20):
        adaptive.update(0, nothing, eligible, ~eligible)
        for thresholds in (adaptive, plain):
            measures = np.array([measure])
            replayed = measures >= thresholds.get(0)
            thresholds.update(0, measures, eligible, replayed)
    assert np.array_equal(adaptive.values, plain.values)
    assert np.isfinite(plain.values).all()
