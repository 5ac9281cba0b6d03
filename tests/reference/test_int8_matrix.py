from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from fastcar.reference.int8_matrix import MAX_INT8, MIN_SCALE, Int8Matrix, quantize_rows

FINITE = st.floats(-(2.0**120), 2.0**120, width=32)
MATRICES = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=FINITE)


@given(MATRICES)
def test_no_weight_is_off_by_more_than_half_a_scale(matrix: NDArray[np.float32]) -> None:
    found = quantize_rows(matrix)
    exact = found.values.astype(np.float64) * found.scales.astype(np.float64)[:, None]
    slack = 127 * 2.0**-24
    assert (np.abs(matrix - exact) <= found.scales[:, None] * (0.5 + slack)).all()


@given(MATRICES)
def test_values_stay_in_range_and_the_largest_of_a_row_reaches_it(
    matrix: NDArray[np.float32],
) -> None:
    found = quantize_rows(matrix)
    peaks = np.abs(found.values.astype(np.int64)).max(axis=1)
    assert (peaks <= MAX_INT8).all()
    assert (found.scales >= MIN_SCALE).all()
    assert ((peaks == MAX_INT8) | (found.scales == MIN_SCALE)).all()


@given(MATRICES)
def test_a_row_does_not_depend_on_the_others(matrix: NDArray[np.float32]) -> None:
    whole, first = quantize_rows(matrix), quantize_rows(matrix[:1])
    assert (whole.values[:1] == first.values).all()
    assert (whole.scales[:1] == first.scales).all()


def test_ties_go_to_even() -> None:
    row = np.array([[127.0, 0.5, 1.5, 2.5, -0.5, -1.5]], np.float32)
    assert quantize_rows(row).values.tolist() == [[127, 0, 2, 2, 0, -2]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_are_those_of_the_files(dtype: type) -> None:
    found = quantize_rows(np.ones((2, 3), dtype))
    assert found.values.dtype == np.int8
    assert found.scales.dtype == np.float32
    assert found.values.flags.c_contiguous
    assert (found.shape, found.nbytes) == ((2, 3), 6 + 8)


def test_dequantize_multiplies_by_the_scale_of_the_row() -> None:
    matrix = Int8Matrix(np.array([[1, -2], [3, 4]], np.int8), np.array([0.5, 2], np.float32))
    assert matrix.dequantize().tolist() == [[0.5, -1.0], [6.0, 8.0]]
    assert matrix.dequantize().dtype == np.float32
