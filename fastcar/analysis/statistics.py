"""Paired comparisons across clips, rank correlation, area under the curve."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from fastcar.metrics import Values, compute_standard_error

SIGNIFICANT_ERRORS = 2.0
"""A difference counts when it exceeds this many paired standard errors."""


class Direction(Enum):
    """Outcome of a paired comparison."""

    LOWER = "lower"
    HIGHER = "higher"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Comparison:
    """Paired difference of two quantities over the same clips.

    Attributes:
        difference: mean of first minus second.
        standard_error: of that mean, across clips.
        verdict: whether the first is lower or higher by more than two standard errors.
    """

    difference: float
    standard_error: float
    verdict: Direction


def compare(first: Values, second: Values) -> Comparison:
    """Paired comparison across clips; both [clips], one clip decides nothing.

    >>> compare(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.1])).verdict.value
    'lower'
    """
    gaps = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    difference, error = float(gaps.mean()), compute_standard_error(gaps)
    if len(gaps) < 2 or abs(difference) <= SIGNIFICANT_ERRORS * error:
        verdict = Direction.UNDECIDED
    else:
        verdict = Direction.LOWER if difference < 0 else Direction.HIGHER
    return Comparison(difference, error, verdict)


MATCHED_RATIO = 0.02
"""Ratios that differ by more are not equal."""


def is_fair(ratio_gap: float, verdict: Direction) -> bool:
    """Whether a comparison of nats may be claimed although the measured ratios differ.

    Replay costs nats, so a side that replays more and still has fewer nats is better all the more.

    Args:
        ratio_gap: ratio of the first side minus that of the second.
        verdict: on the nats of the first side.

    >>> [is_fair(gap, Direction.LOWER) for gap in (0.1, 0.01, -0.1)]
    [True, True, False]
    """
    if abs(ratio_gap) <= MATCHED_RATIO:
        return True
    return verdict is (Direction.LOWER if ratio_gap > 0 else Direction.HIGHER)


def compute_ranks(values: Values) -> Values:
    """Ranks from 0, ties sharing the mean of theirs; values [n]."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts + 1) / 2)[inverse], np.float64)


def compute_rank_correlation(first: Values, second: Values) -> float:
    """Spearman's rank correlation in [-1, 1]; 0 where one of them is constant.

    >>> compute_rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([0.0, 3.0, 4.0]))
    1.0
    """
    ranks = [compute_ranks(values) for values in (first, second)]
    centred = [values - values.mean() for values in ranks]
    scale = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return round(float((centred[0] * centred[1]).sum()) / scale, 12) if scale else 0.0


def compute_auc(scores: Values, positive: NDArray[np.bool_]) -> float:
    """Probability that a positive has the higher score, ties counting half; 0.5 without both kinds.

    >>> compute_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    num_positive = int(positive.sum())
    num_negative = len(positive) - num_positive
    if not num_positive or not num_negative:
        return 0.5
    above = compute_ranks(scores)[positive].sum() - num_positive * (num_positive - 1) / 2
    return float(above / (num_positive * num_negative))
