"""Both arithmetics compute the same, and floats stay in range at any scale."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastcar.proofs import arithmetic
from fastcar.proofs.arithmetic import (
    Array,
    Scalar,
    compute_norm,
    compute_oscillation,
    compute_row_norms,
    compute_softmax,
    exp2,
    get_maximum,
    get_minimum,
    is_ball_array,
    is_certain,
    lift,
    maximum,
    minimum,
    round_to_whole,
    sqrt,
    tanh,
    to_balls,
    to_float,
)
from fastcar.reference.errors import ArgumentError
from tests.proofs.strategies import Vector, vectors


@given(st.integers(1, 5).flatmap(vectors))
@pytest.mark.parametrize(
    "function", [get_maximum, get_minimum, compute_norm, compute_oscillation, np.sum]
)
def test_functions_of_a_vector_agree(function: Callable[[Array], Scalar], x: Vector) -> None:
    found, exact = function(x), function(to_balls(x))
    scale = float(np.abs(x).max())
    assert abs(found - to_float(exact)) <= 1e-14 * scale
    assert is_certain(abs(exact - found) <= 1e-14 * scale)


@given(st.floats(-50, 50))
def test_functions_of_a_number_agree(x: float) -> None:
    ball = to_balls(np.array([x]))[0]
    assert to_float(tanh(ball)) == pytest.approx(tanh(x), abs=1e-15)
    assert to_float(sqrt(ball)) == pytest.approx(sqrt(x), abs=1e-15)
    assert sqrt(x) == math.sqrt(max(x, 0.0))
    assert to_float(maximum(ball, 1.0)) == maximum(x, 1.0) == max(x, 1.0)
    assert to_float(minimum(0.5, ball, 1.0)) == minimum(0.5, x, 1.0) == min(0.5, x, 1.0)


@given(st.lists(st.floats(-900, 900), min_size=1, max_size=5))
def test_powers_of_two_agree(exponents: list[float]) -> None:
    x = np.array(exponents)
    for found, ball in zip(exp2(x), exp2(to_balls(x)), strict=True):
        assert abs(found - to_float(ball)) <= 10 * 2.0**-53 * found


def test_whole_numbers_are_those_of_floats_and_of_exact_balls() -> None:
    x = np.array([-1.75, -0.25, 3.0, 2.0**40 + 0.75])
    assert round_to_whole(x).tolist() == [-2, 0, 3, (1 << 40) + 1]
    assert round_to_whole(to_balls(x)).tolist() == round_to_whole(x).tolist()


def test_integers_are_lifted_exactly_into_either_arithmetic() -> None:
    whole = np.array([3, -(1 << 50)])
    assert lift(whole, np.zeros(1)).tolist() == [3.0, -(2.0**50)]
    balls = lift(whole, to_balls(np.zeros(1)))
    assert is_ball_array(balls)
    assert all(is_certain(ball == int(one)) for ball, one in zip(balls, whole, strict=True))


@given(arrays(np.float64, (2, 3), elements=st.floats(-1e3, 1e3)))
def test_row_norms_agree_with_the_norm_of_each_row(x: Vector) -> None:
    assert compute_row_norms(x).tolist() == [compute_norm(row) for row in x]
    for found, exact in zip(compute_row_norms(x), compute_row_norms(to_balls(x)), strict=True):
        assert found == pytest.approx(to_float(exact), rel=1e-14)


@given(st.integers(1, 5).flatmap(lambda size: vectors(size, st.sampled_from([1.0, 30.0, 700.0]))))
def test_softmax_agrees_and_sums_to_one(x: Vector) -> None:
    found, exact = compute_softmax(x), compute_softmax(to_balls(x))
    assert [to_float(element) for element in exact] == pytest.approx(found.tolist(), abs=1e-14)
    assert is_certain(abs(exact.sum() - 1) <= 1e-30)


@pytest.mark.parametrize("scale", [5e-324, 1e-320, 1e-300, 1e-160, 1e160, 1e300])
def test_norm_neither_overflows_nor_vanishes(scale: float) -> None:
    assert compute_norm(np.array([3.0, 4.0]) * scale) == pytest.approx(5 * scale, rel=1e-15)


def test_norm_of_special_vectors() -> None:
    assert compute_norm(np.empty(0)) == 0.0
    assert compute_norm(np.zeros(3)) == 0.0
    assert compute_norm(np.array([np.inf, 1.0])) == np.inf
    assert np.isnan(compute_norm(np.array([np.nan, 1.0])))
    assert compute_norm(np.array([[3.0], [4.0]])) == 5.0


def test_norm_of_balls_around_zero_is_finite() -> None:
    third = to_balls(np.ones(2)) / 3
    nothing = compute_norm(third * 3 - 1)
    assert is_certain(nothing <= 1e-30)


@dataclass(frozen=True)
class Part:
    """Something inside an instance."""

    vector: Array


@dataclass(frozen=True)
class Whole:
    """An instance with all kinds of fields."""

    part: Part
    matrices: tuple[Array, ...]
    flags: Array
    eps: float
    size: int = field(init=False, default=2)


def test_every_float_array_of_an_instance_becomes_balls() -> None:
    whole = Whole(Part(np.array([0.1])), (np.eye(2), np.ones(1)), np.array([True]), 0.5)
    balls = to_balls(whole)
    assert is_ball_array(balls.part.vector)
    assert all(map(is_ball_array, balls.matrices))
    assert balls.matrices[0].shape == (2, 2)
    assert balls.flags.dtype == bool
    assert (balls.eps, balls.size) == (0.5, 2)
    assert is_certain(balls.part.vector[0] == 0.1), "the float itself, not a tenth"
    assert not is_ball_array(whole.part.vector), "the instance stays as it was"


def test_comparisons_of_overlapping_balls_are_never_certain() -> None:
    wide = np.exp(to_balls(np.array([0.3])))[0]
    same = wide * 3 / 3
    for comparison in (wide < same, wide <= same, wide > same, wide >= same):
        assert not is_certain(comparison)


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    message = r"^certify = True: must be used with python-flint: pip install 'fastcar\[proofs\]'$"
    with pytest.raises(ArgumentError, match=message):
        to_balls(np.ones(1))


def test_balls_are_wider_than_doubles() -> None:
    assert arithmetic.PRECISION_BITS > 2 * 53
