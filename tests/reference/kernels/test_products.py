"""Compiled products: within the bound of exact sums, integers exactly, rows on their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastcar.reference.kernels.engine as engine_module
from fastcar.reference.arrays import FloatArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.int8_matrix import Int8Matrix
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kernels.lanes import count_roundings
from fastcar.reference.kernels.products import NEAR_BYTES, RESIDENT_BYTES
from fastcar.reference.linear import MAX_INT8_WIDTH, compute_linear
from fastcar.reference.matrix import Matrix
from tests.reference.kernels.matrices import (
    KINDS,
    compute_exact_products,
    concatenate,
    draw_matrix,
    draw_rows,
    widen,
)
from tests.reference.rounding import compute_gamma

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

ENGINE = NumbaEngine()
kinds = st.sampled_from(KINDS)
widths = st.integers(1, 100)


def multiply(x: FloatArray, weight: Matrix, parallel: bool) -> FloatArray:
    """The product by one thread or by several."""
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("PARALLEL_BYTES", "PARALLEL_MULTIPLICATIONS"):
            patch.setattr(engine_module, limit, 0 if parallel else 1 << 62)
        return ENGINE.linear(x, weight)


@given(
    st.integers(0, 2**16),
    st.integers(1, 9),
    widths,
    st.integers(1, 13),
    st.sampled_from(["float32", "bfloat16"]),
    st.booleans(),
)
def test_float_products_are_exact_within_the_roundings_of_a_term(
    seed: int, rows: int, width: int, outputs: int, kind: str, parallel: bool
) -> None:
    rng = np.random.default_rng(seed)
    x, weight = draw_rows(rng, rows, width), draw_matrix(rng, kind, outputs, width)
    product = multiply(x, weight, parallel)
    assert product.dtype == np.float32
    exact, sizes = compute_exact_products(x, widen(weight))
    bound = compute_gamma(count_roundings(width), np.float32) * sizes
    assert (np.abs(product - exact) <= bound * (1 + 1e-9)).all()
    spec_bound = compute_gamma(width, np.float32) * sizes
    assert (np.abs(product - compute_linear(x, weight)) <= bound + spec_bound).all()


@given(st.integers(0, 2**16), st.integers(1, 9), widths, st.integers(1, 13), st.booleans())
def test_integer_products_equal_the_spec(
    seed: int, rows: int, width: int, outputs: int, parallel: bool
) -> None:
    rng = np.random.default_rng(seed)
    x, weight = draw_rows(rng, rows, width), draw_matrix(rng, "int8", outputs, width)
    x[rng.random(rows) < 0.2] = 0
    if rng.random() < 0.2:
        x[rng.integers(rows), rng.integers(width)] = rng.choice([np.nan, np.inf, -np.inf])
    product = multiply(x, weight, parallel)
    assert np.array_equal(product, compute_linear(x, weight), equal_nan=True)
    assert np.array_equal(np.isnan(product).all(axis=1), ~np.isfinite(x).all(axis=1))


@given(st.integers(0, 2**16), st.integers(2, 9), widths, st.integers(1, 13), kinds)
def test_the_bits_of_a_row_do_not_depend_on_its_batch(
    seed: int, rows: int, width: int, outputs: int, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    x, weight = draw_rows(rng, rows, width), draw_matrix(rng, kind, outputs, width)
    whole = multiply(x, weight, parallel=False)
    single = np.concatenate([multiply(x[[row]], weight, False) for row in range(rows)])
    chosen = rng.random(rows) < 0.5
    chosen[0] = True
    assert np.array_equal(whole, single)
    assert np.array_equal(whole[chosen], multiply(x[chosen], weight, False))
    assert np.array_equal(whole[::-1], multiply(x[::-1], weight, False))
    assert np.array_equal(whole, multiply(x, weight, parallel=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 8, 16])
def test_a_layer_of_common_width_agrees_with_the_spec(kind: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    x = rng.standard_normal((rows, 512)).astype(np.float32)
    weight = draw_matrix(rng, kind, 515, 512)
    np.testing.assert_allclose(
        ENGINE.linear(x, weight), compute_linear(x, weight), rtol=0, atol=2e-4
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 2])
def test_streams_of_large_matrices_give_the_bits_of_tiles(kind: str, rows: int) -> None:
    """Half of the matrix is small enough for tiles."""
    rng = np.random.default_rng(rows)
    x = rng.standard_normal((rows, 1001)).astype(np.float32)
    item_bytes = {"float32": 4, "bfloat16": 2, "int8": 1}[kind]
    outputs = RESIDENT_BYTES // (1001 * item_bytes) - 5
    halves = [draw_matrix(rng, kind, outputs, 1001) for _ in range(2)]
    whole = multiply(x, concatenate(*halves), parallel=False)
    parts = [multiply(x, half, parallel=False) for half in halves]
    assert np.array_equal(whole, np.concatenate(parts, axis=1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_streamed_row_has_the_bits_of_two_that_share_weights(kind: str) -> None:
    """One row is near enough for a stream of weights, two are not."""
    rng = np.random.default_rng(0)
    item_bytes = {"float32": 4, "bfloat16": 4, "int8": 1}[kind]
    width = NEAR_BYTES // item_bytes - 1001
    x = rng.standard_normal((2, width)).astype(np.float32)
    weight = draw_matrix(rng, kind, RESIDENT_BYTES // width + 6, width)
    both = multiply(x, weight, parallel=False)
    single = [multiply(x[[row]], weight, parallel=False) for row in range(2)]
    assert np.array_equal(both, np.concatenate(single))


@pytest.mark.parametrize("magnitude", [127, -127])
def test_the_largest_sums_fit(magnitude: int) -> None:
    width = MAX_INT8_WIDTH
    values = np.full((5, width), magnitude, np.int8)
    x = np.full((1, width), 3.0, np.float32)
    weight = Int8Matrix(values, np.ones(5, np.float32))
    assert np.array_equal(ENGINE.linear(x, weight), compute_linear(x, weight))


def test_a_wider_integer_matrix_is_refused() -> None:
    width = MAX_INT8_WIDTH + 1
    weight = Int8Matrix(np.zeros((1, width), np.int8), np.ones(1, np.float32))
    message = rf"^width of an int8 matrix = {width}: must be at most {MAX_INT8_WIDTH}$"
    for multiply_with in (ENGINE.linear, compute_linear):
        with pytest.raises(ArgumentError, match=message):
            multiply_with(np.zeros((1, width), np.float32), weight)


def test_leading_axes_and_read_only_arrays_are_taken() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 8)).astype(np.float32), draw_matrix(rng, "float32", 5, 8)
    expected = ENGINE.linear(x.reshape(6, 8), weight).reshape(2, 3, 5)
    assert np.array_equal(ENGINE.linear(x, weight), expected)
    assert isinstance(weight, np.ndarray)
    x.flags.writeable = weight.flags.writeable = False
    assert np.array_equal(ENGINE.linear(x, weight), expected)
