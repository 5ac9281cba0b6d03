"""silu in both arithmetics, and its constants, proven by subdivision in balls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import is_certain, to_balls, to_float
from fastcar.proofs.silu import (
    SILU_CURVATURE,
    SILU_MINIMUM,
    SILU_SLOPE,
    bound_curvature,
    compute_silu,
    compute_silu_slope,
)

Function = Callable[[Any], Any]

STEEPEST = 2.3993572805154678
"""Where silu' is largest."""


def compute_sigmoid(x: Any) -> Any:
    return 1 / (1 + (-x).exp())


def compute_slope(x: Any) -> Any:
    """silu'."""
    return compute_sigmoid(x) * (1 + x * (1 - compute_sigmoid(x)))


def compute_curvature(x: Any) -> Any:
    """silu''."""
    sigmoid = compute_sigmoid(x)
    return sigmoid * (1 - sigmoid) * (2 - x * (x / 2).tanh())


def compute_jerk(x: Any) -> Any:
    """silu'''."""
    sigmoid, half = compute_sigmoid(x), (x / 2).tanh()
    bracket = (2 - x * half) * (1 - 2 * sigmoid) - half - x * (1 - half * half) / 2
    return sigmoid * (1 - sigmoid) * bracket


def is_below(limit: Any, function: Function, derivative: Function) -> bool:
    """Whether f <= limit on [-40, 40], proven by the mean-value form f(m) + f'(cell) (cell - m).

    Cells are halved until it is below; around a maximum f' is small too, so that few are needed.
    """
    cells = [(arb(-40), arb(40))]
    while cells:
        low, high = cells.pop()
        middle = ((low + high) / 2).mid()
        cell = low.union(high)
        if is_certain(function(middle) + derivative(cell) * (cell - middle) <= limit):
            continue
        if is_certain(high - low < arb(2) ** -60):
            return False
        cells += [(low, middle), (middle, high)]
    return True


def test_slope_is_proven() -> None:
    to_balls(np.zeros(1))  # sets the precision
    assert is_below(arb(SILU_SLOPE), compute_slope, compute_curvature)
    assert is_below(
        arb(SILU_SLOPE) - 1, lambda x: -compute_slope(x), lambda x: -compute_curvature(x)
    )
    # Tails: 0 < silu' - 1 < t e^-t < 1e-15 for t > 40, and silu'(-t) = 1 - silu'(t).
    assert is_certain(compute_slope(arb(STEEPEST)) > np.nextafter(SILU_SLOPE, 0))


def test_minimum_is_proven() -> None:
    to_balls(np.zeros(1))
    lowest = arb(SILU_MINIMUM)

    def negate(x: Any) -> Any:
        return -x * compute_sigmoid(x)

    # Tails: silu > 0 for t > 40, and above t e^t > -1e-15 for t < -40.
    assert is_below(-lowest, negate, lambda x: -compute_slope(x))
    assert not is_below(-lowest - arb(1e-15), negate, lambda x: -compute_slope(x))


def test_curvature_is_proven() -> None:
    to_balls(np.zeros(1))
    # Tails: |silu''| < |t| e^-|t| < 1e-15. The cells around 0 cannot be told from 1/2, which is the
    # value there, so the last factor 1 + 2^-40 is left to s' <= 1/4 and the bracket <= 2.
    limit = arb(SILU_CURVATURE) * (1 + arb(2) ** -40)
    assert is_below(limit, compute_curvature, compute_jerk)
    assert is_below(limit, lambda x: -compute_curvature(x), lambda x: -compute_jerk(x))
    assert compute_curvature(arb(0)) == SILU_CURVATURE


@given(st.floats(-1e6, 1e6))
def test_both_arithmetics_have_one_silu(x: float) -> None:
    found = compute_silu(np.array([x]))[0]
    exact = compute_silu(to_balls(np.array([x])))[0]
    assert found == pytest.approx(to_float(exact), rel=1e-15, abs=1e-300)


@given(st.floats(-800, 800), st.floats(0, 1))
def test_curvature_beyond_a_distance_is_below_its_bound(x: float, share: float) -> None:
    limit = bound_curvature(np.array([share * abs(x)]))[0]
    assert abs(float(compute_curvature(arb(x)).mid())) <= limit * (1 + 1e-12)
    assert limit <= SILU_CURVATURE
    in_balls = bound_curvature(to_balls(np.array([share * abs(x)])))[0]
    assert to_float(in_balls) == pytest.approx(limit, rel=1e-12, abs=1e-300)


def test_curvature_is_met_at_zero_and_halved_soon_after() -> None:
    found = bound_curvature(np.array([0.0, 1.0, 2.0, 6.0]))
    assert found[0] == SILU_CURVATURE
    assert found[1:] == pytest.approx([0.3932, 0.2100, 0.00987], rel=1e-3)


@given(st.floats(-700, 700))
def test_slope_is_the_same_in_both_arithmetics(x: float) -> None:
    exact = to_float(compute_slope(arb(x)))
    found = compute_silu_slope(np.array([x]))[0]
    assert found == pytest.approx(exact, rel=1e-12, abs=1e-15)
    assert to_float(compute_silu_slope(to_balls(np.array([x])))[0]) == pytest.approx(exact)
