"""Spectral norms: the upper bound is one for every float matrix, and hardly above the norm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flint import arb, arb_mat
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastcar.proofs.arithmetic import is_certain, to_balls, to_float
from fastcar.proofs.spectral_norm import (
    compute_bound_in_basis,
    compute_error,
    compute_spectral_norm,
    compute_upper_bound,
)
from fastcar.reference.errors import ArgumentError
from tests.proofs.strategies import Matrix, matrices


def is_above_norm(limit: float, matrix: Matrix) -> bool:
    """Whether c > |A|, proven: every pivot of c^2 I - A^T A in balls is positive."""
    tall = matrix if len(matrix) >= matrix.shape[1] else matrix.T
    floats = arb_mat([[arb(element) for element in row] for row in tall.tolist()])
    gram = np.array((floats.transpose() * floats).table(), dtype=object)
    rest: NDArray[Any] = -gram
    rest[np.diag_indices_from(rest)] += arb(limit) ** 2
    while len(rest):
        pivot, row = rest[0, 0], rest[0, 1:]
        if not is_certain(pivot > 0):
            return False
        rest = rest[1:, 1:] - np.outer(row, row / pivot)
    return True


def make_matrix(rows: int, columns: int, decades: float = 0.0) -> Matrix:
    """Random; its columns fall by so many powers of ten."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, columns)) * np.logspace(0, -decades, columns)


@st.composite
def small_matrices(draw: st.DrawFn) -> Matrix:
    return draw(matrices(draw(st.integers(1, 4)), draw(st.integers(1, 4))))


@given(small_matrices())
def test_upper_bound_is_above_the_norm(matrix: Matrix) -> None:
    limit = compute_upper_bound(matrix)
    assert is_above_norm(limit, matrix) or not matrix.any()
    assert limit <= compute_spectral_norm(matrix) * (1 + 1e-13)


@given(matrices(3, 2), matrices(2, 2), st.sampled_from([1e-9, 1e-3, 1.0]))
def test_no_basis_makes_the_bound_wrong(matrix: Matrix, change: Matrix, reach: float) -> None:
    scaled = matrix / max(np.abs(matrix).max(), 1e-300) * (1 - 1e-9)
    basis = np.linalg.svd(scaled)[2] + reach * change / max(np.abs(change).max(), 1e-300)
    limit = compute_bound_in_basis(scaled, basis)
    assert is_above_norm(limit, scaled) or not scaled.any()


@given(small_matrices())
def test_error_of_the_float_norm_is_as_proven(matrix: Matrix) -> None:
    found, error = compute_spectral_norm(matrix), compute_error(matrix)
    assert is_above_norm(found + error, matrix) or not matrix.any()
    assert is_certain(compute_spectral_norm(to_balls(matrix)) >= found - error)


@given(small_matrices())
def test_ball_norm_is_a_lower_limit_near_the_norm(matrix: Matrix) -> None:
    lower = compute_spectral_norm(to_balls(matrix))
    assert is_certain(lower <= compute_upper_bound(matrix))
    assert to_float(lower) == pytest.approx(compute_spectral_norm(matrix), rel=1e-12)


@pytest.mark.parametrize("decades", [0, 15])
@pytest.mark.parametrize("shape", [(352, 128), (128, 352)])
def test_shipped_shape_is_bounded_and_tight(shape: tuple[int, int], decades: float) -> None:
    matrix = make_matrix(*shape, decades)
    limit = compute_upper_bound(matrix)
    assert is_above_norm(limit, matrix)
    assert not is_above_norm(limit * (1 - 1e-9), matrix)


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e-160, 1e160, 1e300])
def test_extreme_scales_neither_vanish_nor_overflow(scale: float) -> None:
    matrix = make_matrix(5, 3) * scale
    assert is_above_norm(compute_upper_bound(matrix), matrix)


def test_mixed_scales_are_bounded() -> None:
    matrix = np.array([[1e300, 1e-300], [1e-10, 1e290]])
    assert is_above_norm(compute_upper_bound(matrix), matrix)


def test_equal_singular_values_are_bounded() -> None:
    orthogonal = np.linalg.qr(make_matrix(40, 40))[0]
    limit = compute_upper_bound(orthogonal)
    assert is_above_norm(limit, orthogonal)
    assert limit <= 1 + 1e-11


def test_rank_one_is_the_product_of_two_norms() -> None:
    assert compute_spectral_norm(np.outer([3.0, 4.0], [1.0, 2.0, 2.0])) == pytest.approx(15)


def test_zero_matrix_has_norm_zero() -> None:
    zero = np.zeros((3, 2))
    assert compute_upper_bound(zero) == compute_spectral_norm(zero) == compute_error(zero) == 0
    assert to_float(compute_spectral_norm(to_balls(zero))) == 0


def test_infinite_element_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^matrix = inf: must be finite$"):
        compute_upper_bound(np.array([[np.inf]]))
