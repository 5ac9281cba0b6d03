"""Shares of layers: the least sum of losses there is, and thresholds to match."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.allocation import Curve, allocate, calibrate_allocated, make_hull
from fastcar.reference.errors import ArgumentError
from fastcar.reference.records import ReplayRecord
from tests.fastcar.tiny_video_model import TINY_CONFIG

points = st.tuples(st.integers(1, 4).map(lambda quarter: quarter / 4), st.floats(-1, 4))
curves = st.lists(st.lists(points, min_size=1, max_size=4), min_size=1, max_size=3)


def read_hull(curve: Curve, share: float) -> float:
    shares, losses = zip(*make_hull(curve), strict=True)
    return float(np.interp(share, shares, losses))


@given(curves, st.integers(0, 8))
def test_no_other_shares_of_the_same_mean_lose_less(made: list[Curve], eighths: int) -> None:
    ratio = eighths / 8
    shares = allocate(made, ratio)
    tops = [make_hull(curve)[-1][0] for curve in made]
    reachable = min(ratio, sum(tops) / len(tops))
    assert np.isclose(np.mean(shares), reachable)
    assert all(0 <= share <= top for share, top in zip(shares, tops, strict=True))
    loss = sum(map(read_hull, made, shares))
    grid = [np.linspace(0, top, round(16 * top) + 1) for top in tops]
    for other in product(*grid[:-1]):
        last = len(made) * reachable - sum(other)
        if 0 <= last <= tops[-1]:
            assert loss <= sum(map(read_hull, made, (*other, last))) + 1e-9


@given(st.lists(points, min_size=1, max_size=6))
def test_a_hull_is_convex_and_below_its_curve(curve: Curve) -> None:
    hull = np.array(make_hull(curve))
    assert hull[0, 0] == 0
    assert (np.diff(hull[:, 0]) > 0).all()
    slopes = np.diff(hull[:, 1]) / np.diff(hull[:, 0])
    assert (np.diff(slopes) > -1e-9).all()
    for share, loss in curve:
        assert read_hull(curve, share) <= loss + 1e-9


def test_a_layer_replays_the_share_that_it_is_given() -> None:
    record = ReplayRecord(TINY_CONFIG, steps=100, rows=1, dtype=np.dtype(np.float32))
    record.measures[:] = np.random.default_rng(0).random(record.measures.shape)
    record.eligible[:] = True
    made: list[Curve] = [[(1.0, 9.0)], [(0.5, 0.0), (1.0, 8.0)], [(1.0, 1.0)]]
    thresholds = calibrate_allocated(record, made, 0.5, higher_is_safer=False)
    replayed = (record.measures[:, :, 0] <= np.array(thresholds)).mean(axis=0)
    assert replayed.tolist() == [0.0, 0.5, 1.0]


def test_what_cannot_be_allocated_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^ratio = 1.5: must be in \[0, 1\]"):
        allocate([[(1.0, 1.0)]], 1.5)
    with pytest.raises(ArgumentError, match=r"^curves = 0: must be at least 1"):
        allocate([], 0.5)
