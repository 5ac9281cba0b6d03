"""Distances: their order of summation is the documented one, bit for bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.distances import LANES, compute_change, compute_distance, compute_size

LENGTHS = range(1, 71)


def draw_vectors(length: int) -> Any:
    """Two times eight vectors whose numbers are of very different size."""
    rng = np.random.default_rng(length)
    spread = 10.0 ** rng.integers(-3, 4, (2, 8, length))
    return (rng.standard_normal(spread.shape) * spread).astype(np.float32)


def add_in_order(x: Any, other: Any) -> float:
    """The words of `compute_distance`, one number after the other."""
    gaps = [float(one) - float(two) for one, two in zip(x, other, strict=True)]
    squares = [gap * gap for gap in gaps]
    whole = len(squares) // LANES * LANES
    lanes = [0.0] * LANES
    for place in range(whole):
        lanes[place % LANES] += squares[place]
    for half in (8, 4, 2, 1):
        lanes = [lanes[lane] + lanes[lane + half] for lane in range(half)]
    total = lanes[0]
    for square in squares[whole:]:
        total += square
    return math.sqrt(total)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_order_is_that_of_the_words(length: int) -> None:
    x, other = draw_vectors(length)
    assert compute_distance(x, other).tolist() == list(map(add_in_order, x, other))


def test_no_rows_have_no_distances() -> None:
    nothing = np.zeros((0, 40))
    for compute in (compute_distance, compute_change):
        assert compute(nothing, nothing).shape == (0,)


@given(st.integers(1, 70), st.integers(0, 2**16))
def test_changes_and_sizes_are_sums_of_absolute_values(width: int, seed: int) -> None:
    x, other = np.random.default_rng(seed).standard_normal((2, 3, width)).astype(np.float32)
    gap = np.abs(x.astype(np.float64) - other)
    assert np.allclose(compute_change(x, other), gap.sum(axis=-1), rtol=1e-13)
    assert np.allclose(compute_size(x), np.abs(x.astype(np.float64)).sum(axis=-1), rtol=1e-13)
    rows = [compute_change(x[[row]], other[[row]])[0] for row in range(3)]
    assert np.array_equal(compute_change(x, other), rows)
