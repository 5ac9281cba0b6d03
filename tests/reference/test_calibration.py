"""Calibration on the measures of one dense run: monotone, on target within one token."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import BoolArray
from fastcar.reference.calibration import (
    Calibration,
    calibrate_per_layer,
    calibrate_uniform,
    compute_ceiling,
    compute_ratio_curve,
    compute_threshold,
    correct_in_closed_loop,
    get_never,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import THRESHOLD_GATES, make_measuring_gate, make_threshold_gate
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.thresholds import FixedThresholds, Measures
from fastcar.strategies import Run, make_run, runs
from tests.examples import examples
from tests.reference.runs import decode

names = st.sampled_from(sorted(THRESHOLD_GATES))
ratios = st.floats(0, 1)


def record_run(run: Run, gate: ThresholdGate, warmup_frames: int = 1) -> ReplayRecord:
    record = ReplayRecord(run.config, run.steps, run.rows, run.weights.dtype)
    replay = ReplayConfig(run.tokens_per_frame, warmup_frames=warmup_frames)
    for observation in decode(run, gate, replay=replay).observations:
        record.observe(observation)
    return record


def record_dense(run: Run, name: str, warmup_frames: int = 1) -> ReplayRecord:
    gate = make_measuring_gate(name, run.config.num_hidden_layers)
    return record_run(run, gate, warmup_frames)


def count_replays(record: ReplayRecord, thresholds: list[float], higher_is_safer: bool) -> int:
    """Decisions that would replay on the recorded measures."""
    limits = np.array(thresholds)[:, None]
    is_safe = record.measures >= limits if higher_is_safer else record.measures <= limits
    return int((is_safe & record.eligible).sum())


def get_known(record: ReplayRecord) -> BoolArray:
    """Eligible decisions with a measure; the others compute under any threshold, [S, L, B]."""
    return record.eligible & ~np.isnan(record.measures)


def count_ties(measures: Measures) -> int:
    """Decisions that no threshold can part, at least 1.

    Rows of equal tokens have equal measures, and the score of the first layer depends on nothing
    but the token and the aligned token.
    """
    return int(np.unique(measures, return_counts=True)[1].max(initial=1))


def get_orientation(name: str) -> bool:
    return THRESHOLD_GATES[name].higher_is_safer


@given(runs(), names, ratios)
def test_uniform_calibration_hits_the_target_within_one_decision(
    run: Run, name: str, ratio: float
) -> None:
    record, is_score = record_dense(run, name), get_orientation(name)
    thresholds = calibrate_uniform(record, ratio, is_score)
    assert len(set(thresholds)) == 1
    assert len(thresholds) == run.config.num_hidden_layers
    known = get_known(record)
    wanted = min(ratio * record.measures.size, known.sum())
    slack = count_ties(record.measures[known])
    assert abs(count_replays(record, thresholds, is_score) - wanted) <= slack


@given(runs(), names, ratios)
def test_layer_calibration_hits_the_target_in_every_layer(
    run: Run, name: str, ratio: float
) -> None:
    record, is_score = record_dense(run, name), get_orientation(name)
    thresholds = calibrate_per_layer(record, ratio, is_score)
    for layer, threshold in enumerate(thresholds):
        measures = record.measures[:, layer][get_known(record)[:, layer]]
        replays = (measures >= threshold if is_score else measures <= threshold).sum()
        wanted = min(ratio * record.measures[:, layer].size, len(measures))
        assert abs(replays - wanted) <= count_ties(measures)


@given(runs(), names, ratios, ratios)
def test_a_larger_target_never_gives_a_stricter_threshold(
    run: Run, name: str, ratio: float, other: float
) -> None:
    record, is_score = record_dense(run, name), get_orientation(name)
    sign = 1 if is_score else -1
    for calibrate in (calibrate_uniform, calibrate_per_layer):
        strict = calibrate(record, min(ratio, other), is_score)
        loose = calibrate(record, max(ratio, other), is_score)
        assert all(sign * a >= sign * b for a, b in zip(strict, loose, strict=True))


def test_measures_of_a_deeper_layer_have_no_ties() -> None:
    """So that the two tests above mean one decision there."""
    record = record_dense(make_run(0, tokens_per_frame=4, frames=8), "tas")
    assert count_ties(record.measures[:, 1][record.eligible[:, 1]]) == 1


@given(runs(), names, st.lists(st.floats(-3, 3), min_size=2, max_size=5))
def test_the_ratio_on_recorded_measures_is_monotone(run: Run, name: str, taus: list[float]) -> None:
    record, is_score = record_dense(run, name), get_orientation(name)
    layers = run.config.num_hidden_layers
    counts = [
        count_replays(record, [tau] * layers, is_score) for tau in sorted(taus, reverse=is_score)
    ]
    assert counts == sorted(counts)


@given(runs(), names, st.integers(2, 30))
def test_the_curve_is_monotone_and_each_point_is_counted(
    run: Run, name: str, num_points: int
) -> None:
    record, is_score = record_dense(run, name), get_orientation(name)
    curve = compute_ratio_curve(record, is_score, num_points)
    assert len(curve.thresholds) == len(curve.ratios) == num_points
    assert (np.diff(curve.ratios) >= 0).all()
    assert curve.ratios[0] == 0
    assert curve.ratios[-1] == get_known(record).mean()
    layers = run.config.num_hidden_layers
    for threshold, ratio in zip(curve.thresholds, curve.ratios, strict=True):
        counted = count_replays(record, [float(threshold)] * layers, is_score)
        assert ratio == counted / record.measures.size


@examples(20)
@given(runs(), names)
def test_the_measuring_run_is_dense_and_measures_all_that_is_eligible(run: Run, name: str) -> None:
    record = record_dense(run, name)
    assert not record.replayed.any()
    known = record.eligible.copy()
    if name in ("accumulated-frame", "motion"):  # look at the frame before and the one before that
        known[: 2 * run.tokens_per_frame] = False
    if name == "skip-cosine":  # looks at the layer before
        known[:, 0] = False
    assert np.isfinite(record.measures[known]).all()
    assert not np.isfinite(record.measures[record.eligible & ~known]).any()


@pytest.mark.parametrize(
    ("calibrate", "expected"), [(calibrate_uniform, 0.25), (calibrate_per_layer, 0.125)]
)
def test_decisions_without_a_measure_do_not_count(calibrate: Calibration, expected: float) -> None:
    """Of two layers, the first has no cosine of a layer before."""
    record = record_dense(make_run(0, tokens_per_frame=4, frames=6), "skip-cosine")
    thresholds = calibrate(record, 0.25, True)
    replays = count_replays(record, thresholds, True)
    assert abs(replays - expected * record.measures.size) <= 1


@given(st.lists(st.integers(-30, 30), min_size=1, unique=True), st.booleans(), st.data())
def test_threshold_lies_between_the_last_replay_and_the_first_computation(
    measures: list[int], higher_is_safer: bool, data: st.DataObject
) -> None:
    num_replays = data.draw(st.integers(0, len(measures)))
    array = np.array(measures, np.float64)
    threshold = compute_threshold(array, num_replays, higher_is_safer)
    safe = array > threshold if higher_is_safer else array < threshold
    assert safe.sum() == num_replays
    assert not (array == threshold).any()


@pytest.mark.parametrize("higher_is_safer", [True, False])
def test_ends_of_the_range(higher_is_safer: bool) -> None:
    never, always = get_never(higher_is_safer), get_never(not higher_is_safer)
    measures = np.arange(3.0)
    assert compute_threshold(measures, 0, higher_is_safer) == never
    assert compute_threshold(measures, 3, higher_is_safer) == always


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 3))
def test_ceiling_is_the_eligible_share(steps: int, frame: int, warmup_frames: int) -> None:
    replay = ReplayConfig(frame, warmup_frames=warmup_frames)
    eligible = [replay.is_eligible(token) for token in range(steps)]
    assert compute_ceiling(steps, frame, warmup_frames) == sum(eligible) / steps


def test_the_papers_ceiling() -> None:
    assert compute_ceiling(8 * 256 - 1, 256) == 1791 / 2047
    assert compute_ceiling(0, 256) == 0


def test_corrective_runs_close_the_gap() -> None:
    run = make_run(5, tokens_per_frame=4, frames=8, rows=3)
    target, is_score = 0.5, True
    dense = record_dense(run, "tas")

    def decode_closed_loop(thresholds: list[float]) -> ReplayRecord:
        return record_run(run, make_threshold_gate("tas", FixedThresholds(thresholds)))

    first = calibrate_uniform(dense, target, is_score)
    closed = correct_in_closed_loop(
        decode_closed_loop, calibrate_uniform, first, target, is_score, num_runs=4
    )
    assert len(closed.history) == 4
    assert closed.history[0][0] == first
    gaps = [abs(ratio - target) for _, ratio in closed.history]
    assert abs(closed.ratio - target) == min(gaps)
    assert decode_closed_loop(closed.thresholds).replay_ratio == closed.ratio


def test_a_run_that_comes_near_enough_is_the_last() -> None:
    reached = iter([0.6, 0.48, 0.4, 0.39])
    made: list[list[float]] = []

    def run_to(thresholds: list[float]) -> ReplayRecord:
        made.append(thresholds)
        record = record_dense(make_run(0), "tas")
        replayed = np.zeros(record.replayed.size, bool)
        replayed[: round(next(reached) * replayed.size)] = True
        record.replayed = replayed.reshape(record.replayed.shape)
        return record

    first = [0.0] * make_run(0).config.num_hidden_layers
    closed = correct_in_closed_loop(
        run_to, calibrate_uniform, first, 0.4, True, num_runs=4, tolerance=0.05
    )
    assert len(made) == len(closed.history) == 3
    assert closed.thresholds == made[-1]


class Growing:
    """Runs whose measures outrun the threshold, as sums since the last computation do."""

    def __init__(self, power: float, sign: float, step: float) -> None:
        self.dense = record_dense(make_run(0), "tas")
        self.power, self.sign, self.step = power, sign, step

    def run(self, thresholds: list[float]) -> ReplayRecord:
        """Replays a share 0.8 t^power of all, and measures numbers up to that threshold."""
        loose = min(max(self.sign * float(np.mean(thresholds)), 0.0), 1.0)
        replayed = np.zeros(self.dense.replayed.size, bool)
        replayed[: round(0.8 * loose**self.power * replayed.size)] = True
        self.dense.replayed = replayed.reshape(self.dense.replayed.shape)
        return self.dense

    def calibrate(self, _: ReplayRecord, ratio: float, higher_is_safer: bool) -> list[float]:
        """A calibration that goes `step` times the way to the target."""
        assert higher_is_safer == (self.sign < 0)
        reached = (self.dense.replay_ratio / 0.8) ** (1 / self.power)
        wanted = (ratio / 0.8) ** (1 / self.power)
        return [self.sign * (reached + self.step * (wanted - reached))] * self.dense.replayed.shape[
            1
        ]


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("start", [0.05, 0.9])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("step", [0.25, 2.0])
def test_five_runs_meet_a_ratio_that_calibration_misses(
    power: float, start: float, sign: float, step: float
) -> None:
    growing = Growing(power, sign, step)
    first = [sign * start] * make_run(0).config.num_hidden_layers
    closed = correct_in_closed_loop(
        growing.run, growing.calibrate, first, 0.4, sign < 0, num_runs=5
    )
    assert len(closed.history) == 5
    assert abs(closed.ratio - 0.4) <= 1 / growing.dense.replayed.size, "one decision"


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_refuses_ratios_outside_the_unit_interval(ratio: float) -> None:
    record = record_dense(make_run(0), "tas")
    for calibrate in (calibrate_uniform, calibrate_per_layer):
        with pytest.raises(ArgumentError, match=r"^target_ratio = \S+: must be in \[0, 1\]$"):
            calibrate(record, ratio, True)
