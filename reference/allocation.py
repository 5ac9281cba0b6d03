"""How much each layer replays of one ratio for all, from what replay costs each alone (D-69).

Of every layer a curve tells what the video loses when that layer alone replays a share of its
decisions. Losses are taken to add up, which they do where they are small; what comes of it is
measured before it is used. The least sum of convex curves under a sum of shares is found by
spending each further share where the slope is least, so curves are first replaced by their lower
convex hulls: between two points of a hull stands a mixture of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from fastcar.reference.calibration import compute_layer_threshold
from fastcar.reference.errors import ArgumentError
from fastcar.reference.records import ReplayRecord
from fastcar.reference.thresholds import check_ratio

Point = tuple[float, float]
"""Replayed share of a layer's decisions, and the loss."""

Curve = Sequence[Point]


def make_hull(curve: Curve) -> list[Point]:
    """The lower convex hull of a curve and of (0, 0), from left to right.

    >>> make_hull([(0.5, 3.0), (0.25, 1.0), (0.75, 3.0)])
    [(0.0, 0.0), (0.75, 3.0)]
    """
    hull: list[Point] = []
    for share, loss in sorted([(0.0, 0.0), *curve]):
        if hull and share == hull[-1][0]:
            continue  # the least loss of this share came first
        while len(hull) > 1 and _is_above(hull[-2], hull[-1], (share, loss)):
            hull.pop()
        hull.append((share, loss))
    return hull


def allocate(curves: Sequence[Curve], ratio: float) -> list[float]:
    """Shares of all layers whose mean is the ratio and whose losses add up to the least.

    Args:
        curves: of each layer, points (share, loss); where a curve ends, its layer replays no more.
        ratio: replayed share of all decisions of all layers, in [0, 1].

    Returns:
        A share per layer; their mean is the ratio, or less where all curves end before.

    Raises:
        ArgumentError: a ratio outside of [0, 1], or no layer.

    >>> allocate([[(0.8, 1.0)], [(0.4, 0.1), (0.8, 2.0)]], 0.5)
    [0.6, 0.4]
    """
    check_ratio("ratio", ratio)
    if not curves:
        raise ArgumentError("curves", 0, "at least 1, a curve per layer")
    pieces = []
    for index, curve in enumerate(curves):
        hull = make_hull(curve)
        for start, end in pairwise(hull):
            width = end[0] - start[0]
            pieces.append(((end[1] - start[1]) / width, index, width))
    left, shares = ratio * len(curves), [0.0] * len(curves)
    for _, index, width in sorted(pieces):  # of one layer they come in order: its hull is convex
        taken = min(width, left)
        shares[index] += taken
        left -= taken
    return shares


def calibrate_allocated(
    record: ReplayRecord, curves: Sequence[Curve], ratio: float, higher_is_safer: bool
) -> list[float]:
    """One threshold per layer, each layer replaying the share that `allocate` gives it.

    Args:
        record: of a run whose gate measured every eligible token.
        curves: of each layer.
        ratio: of all decisions.
        higher_is_safer: orientation of the gate's measure.
    """
    return [
        compute_layer_threshold(record, index, share, higher_is_safer)
        for index, share in enumerate(allocate(curves, ratio))
    ]


def _is_above(left: Point, middle: Point, right: Point) -> bool:
    """Whether the middle point lies on or above the line between the others."""
    rise = (middle[1] - left[1]) * (right[0] - left[0])
    return rise >= (right[1] - left[1]) * (middle[0] - left[0])
