"""Products of rows with a matrix, against exact rational arithmetic."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastcar.reference.linear as linear
from fastcar.reference.linear import compute_linear
from tests.reference.rounding import compute_gamma

DTYPES = st.sampled_from([np.float32, np.float64])


def draw_operands(
    seed: int, rows: int, width: int, outputs: int, dtype: type[np.floating[Any]]
) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    spread = 10.0 ** rng.integers(-3, 4, (rows, width))
    x = (rng.standard_normal((rows, width)) * spread).astype(dtype)
    return x, rng.standard_normal((outputs, width)).astype(dtype)


@given(st.integers(0, 2**16), st.integers(1, 3), st.integers(1, 20), st.integers(1, 9), DTYPES)
def test_entries_are_exact_products_within_the_bound(
    seed: int, rows: int, width: int, outputs: int, dtype: type[np.floating[Any]]
) -> None:
    x, weight = draw_operands(seed, rows, width, outputs, dtype)
    product = compute_linear(x, weight)
    assert product.dtype == dtype
    gamma = Fraction(compute_gamma(width, dtype))
    for row, output in np.ndindex(rows, outputs):
        terms = [
            Fraction(float(a)) * Fraction(float(b))
            for a, b in zip(x[row], weight[output], strict=True)
        ]
        error = abs(Fraction(float(product[row, output])) - sum(terms, Fraction()))
        assert error <= gamma * sum(map(abs, terms), Fraction())


@given(
    st.integers(0, 2**16),
    st.integers(2, 9),
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from([64, 1024, 1 << 21]),
    DTYPES,
)
def test_the_bits_of_a_row_do_not_depend_on_its_batch(
    seed: int,
    rows: int,
    width: int,
    outputs: int,
    block_bytes: int,
    dtype: type[np.floating[Any]],
) -> None:
    x, weight = draw_operands(seed, rows, width, outputs, dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "BLOCK_BYTES", block_bytes)
        whole = compute_linear(x, weight)
        single = np.concatenate([compute_linear(x[[row]], weight) for row in range(rows)])
        chosen = np.arange(rows) % 2 == 0
        gathered = compute_linear(x[chosen], weight)
        reversed_rows = compute_linear(x[::-1], weight)
    assert np.array_equal(whole, single)
    assert np.array_equal(whole[chosen], gathered)
    assert np.array_equal(whole[::-1], reversed_rows)


@pytest.mark.parametrize("width", [1, 3, 8, 11, 17])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_row_begins_at_the_same_place_of_a_cache_line(
    width: int, dtype: type[np.floating[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever x lies: a BLAS may choose the order of summation by the address."""
    seen: list[int] = []

    def multiply(matrices: Any, columns: Any) -> Any:
        seen.extend(columns[0, row].ctypes.data for row in range(3))
        return np.matmul(matrices, columns)[..., 0]

    monkeypatch.setattr(linear, "_multiply", multiply)
    numbers = np.arange(4 * width + 3, dtype=dtype)
    for start in range(4):
        x = numbers[start : start + 3 * width].reshape(3, width)
        assert np.array_equal(compute_linear(x, np.eye(width, dtype=dtype)), x)
    assert len(seen) == 12
    assert {address % linear.ALIGNMENT_BYTES for address in seen} == {0}


ROWS_ALONE = """
import numpy as np
from fastcar.reference.linear import compute_linear
rng = np.random.default_rng(0)
for width in range(1, 40):
    x, weight = rng.standard_normal((8, width)), rng.standard_normal((1, width))
    alone = [compute_linear(x[[row]], weight)[0] for row in range(8)]
    assert np.array_equal(compute_linear(x, weight), alone), width
"""


def test_rows_are_independent_where_a_dot_product_depends_on_its_address() -> None:
    """Of OpenBLAS's kernels that for the oldest x86-64 does, in float64 with a single output."""
    subprocess.run(
        [sys.executable, "-c", ROWS_ALONE],
        env={**os.environ, "OPENBLAS_CORETYPE": "Prescott"},
        cwd=Path(__file__).parents[2],
        check=True,
    )


@pytest.mark.parametrize("outputs", [1, 7, 8, 9, 16, 17])
def test_blocks_and_tail_put_every_output_in_its_place(
    outputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "BLOCK_BYTES", 8 * 4 * 8)  # eight outputs of width four
    weight = np.outer(np.arange(1.0, outputs + 1), [1, 0, 0, 0])
    product = compute_linear(np.array([[1.0, 5, 5, 5], [2.0, 5, 5, 5]]), weight)
    expected = np.arange(1.0, outputs + 1)
    assert np.array_equal(product, [expected, 2 * expected])


def test_leading_axes_are_kept() -> None:
    x, weight = draw_operands(0, 6, 4, 5, np.float32)
    product = compute_linear(x.reshape(2, 3, 4), weight)
    assert product.shape == (2, 3, 5)
    assert np.array_equal(product.reshape(6, 5), compute_linear(x, weight))


class Stack(ctypes.Structure):
    """Passed by value, its words stay behind on the stack."""

    _fields_ = (("words", ctypes.c_uint32 * 2**14),)


def test_what_the_stack_held_before_raises_no_warning() -> None:
    """OpenBLAS's kernel for AVX-512 and rows of 5 adds lanes that nobody wrote: the flag lies."""
    stack = Stack((0x7FA00000,) * 2**14)  # signalling NaNs
    leave = ctypes.CDLL(None).labs
    leave.argtypes = (Stack,)
    for outputs in range(1, 12):
        x, weight = draw_operands(outputs, 2, 5, outputs, np.float32)
        expected = compute_linear(x, weight)
        leave(stack)
        np.testing.assert_array_equal(compute_linear(x, weight), expected)


def test_a_sum_that_overflows_still_warns() -> None:
    huge = np.full((1, 5), 3e38, np.float32)
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert np.isinf(compute_linear(huge, huge)).all()
