"""From a target ratio to thresholds, on the measures that one dense run recorded.

Replaying changes later scores, so the ratio of the run that uses the thresholds (closed loop)
differs from the ratio on the recorded scores (open loop); `correct_in_closed_loop` narrows the gap.
Ratios count replayed decisions among all fed tokens and layers, as the paper does (D-06).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.records import ReplayRecord
from fastcar.reference.thresholds import Measures, check_ratio


def get_never(higher_is_safer: bool) -> float:
    """Threshold under which no token replays: the gate measures and decides dense."""
    return np.inf if higher_is_safer else -np.inf


def compute_ceiling(steps: int, tokens_per_frame: int, warmup_frames: int = 1) -> float:
    """Largest possible replay ratio: the eligible share of the fed tokens.

    >>> round(100 * compute_ceiling(steps=2047, tokens_per_frame=256), 2)
    87.49
    """
    return max(0, steps - warmup_frames * tokens_per_frame) / steps if steps else 0.0


def compute_eligible_ratio(ratio: float, ceiling: float) -> float:
    """Share of the eligible tokens that makes up a share `ratio` of all fed tokens, at most all.

    Raises:
        ArgumentError: a ratio outside of [0, 1].

    >>> compute_eligible_ratio(0.3, ceiling=0.6)
    0.5
    """
    check_ratio("target_ratio", ratio)
    return min(1.0, ratio / ceiling) if ceiling else 0.0


def get_known(measures: Measures) -> Measures:
    """The measures that are numbers; a token without one computes under any threshold."""
    return measures[~np.isnan(measures)]


def compute_threshold(measures: Measures, num_replays: int, higher_is_safer: bool) -> float:
    """Threshold at which exactly `num_replays` of the measures replay, ties apart.

    It lies halfway between the last measure that replays and the first that does not, so >= and >
    agree and no rounding of the measure decides (D-17).

    Args:
        measures: [n], without NaN.
        num_replays: in [0, n].
        higher_is_safer: orientation.

    >>> compute_threshold(np.array([0.1, 0.4, 0.2]), 1, higher_is_safer=True).__round__(3)
    0.3
    """
    safety = np.sort(measures if higher_is_safer else -measures)[::-1]
    if num_replays <= 0:
        threshold = np.inf
    elif num_replays >= len(safety):
        threshold = -np.inf
    else:
        threshold = (safety[num_replays - 1] + safety[num_replays]) / 2
    return float(threshold if higher_is_safer else -threshold)


def calibrate_uniform(record: ReplayRecord, ratio: float, higher_is_safer: bool) -> list[float]:
    """One threshold for all layers that replays a share `ratio` of all recorded decisions.

    Args:
        record: of a dense run whose gate measured every eligible token.
        ratio: in [0, 1]; above the ceiling every eligible token replays.
        higher_is_safer: orientation of the gate's measure.

    Returns:
        The threshold, once per layer.
    """
    check_ratio("target_ratio", ratio)
    measures = get_known(record.measures[record.eligible])
    num_replays = round(ratio * record.measures.size)
    threshold = compute_threshold(measures, num_replays, higher_is_safer)
    return [threshold] * record.measures.shape[1]


def calibrate_per_layer(record: ReplayRecord, ratio: float, higher_is_safer: bool) -> list[float]:
    """One threshold per layer, each layer replaying the share `ratio`; arguments as above."""
    check_ratio("target_ratio", ratio)
    return [
        compute_layer_threshold(record, layer_index, ratio, higher_is_safer)
        for layer_index in range(record.measures.shape[1])
    ]


def compute_layer_threshold(
    record: ReplayRecord, layer_index: int, ratio: float, higher_is_safer: bool
) -> float:
    """Threshold at which one layer replays a share `ratio` of its recorded decisions."""
    layer_measures = record.measures[:, layer_index]
    measures = get_known(layer_measures[record.eligible[:, layer_index]])
    num_replays = round(ratio * layer_measures.size)
    return compute_threshold(measures, num_replays, higher_is_safer)


Calibration = Callable[[ReplayRecord, float, bool], list[float]]
"""`calibrate_uniform` or `calibrate_per_layer`."""


@dataclass(frozen=True)
class RatioCurve:
    """Replay ratio against a uniform threshold, on recorded measures.

    Attributes:
        thresholds: [n] float64, from the strictest to the loosest.
        ratios: [n] float64, share of all recorded decisions that would replay.
    """

    thresholds: NDArray[np.float64]
    ratios: NDArray[np.float64]


def compute_ratio_curve(
    record: ReplayRecord, higher_is_safer: bool, num_points: int = 101
) -> RatioCurve:
    """The whole threshold -> ratio curve, at evenly spaced ratios from 0 to the ceiling."""
    measures = get_known(record.measures[record.eligible])
    counts = np.linspace(0, len(measures), num_points).round().astype(int)
    ordered = np.sort(measures if higher_is_safer else -measures)[::-1]
    padded = np.concatenate([[np.inf], ordered])
    safety = padded[counts]
    replaying = np.searchsorted(-ordered, -safety, side="right")  # >= counts ties as replays
    thresholds = safety if higher_is_safer else -safety
    return RatioCurve(thresholds, replaying / max(1, record.measures.size))


@dataclass(frozen=True)
class ClosedLoop:
    """Thresholds after corrective runs.

    Attributes:
        thresholds: per layer, those of the run whose ratio came closest.
        ratio: closed-loop ratio of that run.
        history: (thresholds, closed-loop ratio) of every run, in order.
    """

    thresholds: list[float]
    ratio: float
    history: list[tuple[list[float], float]]


def correct_in_closed_loop(
    run: Callable[[list[float]], ReplayRecord],
    calibrate: Calibration,
    thresholds: list[float],
    ratio: float,
    higher_is_safer: bool,
    num_runs: int = 3,
    tolerance: float = 0.0,
) -> ClosedLoop:
    """Narrow the gap between open and closed loop.

    Each run decodes with the current thresholds. The next ones are calibrated on what that run
    measured, until runs lie on both sides of the target: then they are interpolated between the
    nearest run below and the nearest above. With two runs on one side the line through the nearest
    two leads on where it goes further than the calibration, which sums (D-54) outrun.

    Args:
        run: decodes in closed loop with given thresholds.
        calibrate: uniform or per layer.
        thresholds: first guess, from the dense run.
        ratio: target.
        higher_is_safer: orientation.
        num_runs: runs to make, at least 1.
        tolerance: a run this near the target is the last.
    """
    history: list[tuple[list[float], float]] = []
    for _ in range(max(1, num_runs)):
        record = run(thresholds)
        history.append((thresholds, record.replay_ratio))
        if abs(record.replay_ratio - ratio) < tolerance:
            break
        proposed = calibrate(record, ratio, higher_is_safer)
        thresholds = _propose(history, proposed, ratio)
    best = min(history, key=lambda entry: abs(entry[1] - ratio))
    return ClosedLoop(best[0], best[1], history)


INTERPOLATED_SHARES = 0.1, 0.9
"""An interpolated step keeps off both ends of its bracket, so that the bracket shrinks."""
MOST_EXTRAPOLATED = 3.0
"""An extrapolated step is at most this often the distance of the two runs it comes from."""


def _propose(
    history: list[tuple[list[float], float]], calibrated: list[float], ratio: float
) -> list[float]:
    """Thresholds of the next run; `calibrated` are those of the last run's own measures."""
    by_gap = sorted(history, key=lambda entry: abs(entry[1] - ratio))
    below = next((entry for entry in by_gap if entry[1] <= ratio), None)
    above = next((entry for entry in by_gap if entry[1] > ratio), None)
    if below is not None and above is not None:
        least, most = INTERPOLATED_SHARES
        share = (ratio - below[1]) / (above[1] - below[1])
        return _lead_on(below[0], above[0], min(max(share, least), most), calibrated)
    if len(history) < 2 or by_gap[0][1] == by_gap[1][1]:
        return calibrated
    (near, near_ratio), (far, far_ratio) = by_gap[:2]
    share = min((ratio - near_ratio) / (near_ratio - far_ratio), MOST_EXTRAPOLATED)
    line = _lead_on(far, near, 1 + share, calibrated)
    return [  # whichever goes further the same way
        led if (led - start) * (step - start) > 0 and abs(led - start) > abs(step - start) else step
        for led, step, start in zip(line, calibrated, near, strict=True)
    ]


def _lead_on(
    first: list[float], second: list[float], share: float, otherwise: list[float]
) -> list[float]:
    """first + share (second - first) of every layer; `otherwise` where one is infinite."""
    return [
        start + share * (end - start) if np.isfinite(start) and np.isfinite(end) else other
        for start, end, other in zip(first, second, otherwise, strict=True)
    ]
