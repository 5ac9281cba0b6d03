"""Products of activation rows with a weight matrix; twin of `fastcar.reference.linear`.

Threads share the outputs. The kernel is chosen by the number of rows (one, two, more) and by where
weights and activations lie, as measured. Integer sums are exact, so int8 products equal the spec
bit for bit; float products sum in the order of `fastcar.reference.kernels.lanes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from fastcar.reference.kernels.compilation import (
    bare_device,
    choose_by_types,
    compile_twins,
    device,
)
from fastcar.reference.kernels.lanes import get_bits, make_float
from fastcar.reference.kernels.rms_norm import normalize
from fastcar.reference.kernels.tiles import RAISED, make_tile

Array = Any
Matrix = tuple[Array, ...]
"""Weights [out, in] alone: float32 or bits of bfloat16; or int8 with one scale per output."""
Operand = tuple[Array, ...]
"""Rows [R, in] of float32 alone; or of int8 with the sum and the scale of each."""

RESIDENT_BYTES = 1 << 18
"""Weights up to this size may stay in a core's second cache from one token to the next."""
NEAR_BYTES = 1 << 14
"""Activations below this size stay in a first cache of 32 KiB while weights pass through it."""
STREAMED_ITEM_BYTES = 2
"""Widest weights of one stream, as measured: float32 ones come faster four outputs at once."""

_tile_1x1, _tile_1x2 = make_tile(1, 1), make_tile(1, 2)
_tile_4x1, _tile_4x2, _tile_4x3, _tile_4x4 = (make_tile(4, rows) for rows in (1, 2, 3, 4))

MAX_INT8 = np.float32(127)
_MIN_SCALE = np.finfo(np.float32).tiny
_INFINITY_BITS = np.int32(0x7F800000)
_MAGNITUDE_BITS = np.int32(0x7FFFFFFF)
_ROUNDER = np.float32(1.5 * 2**23)
"""Added and subtracted, it rounds to whole numbers, ties to even."""


@device
def is_one_stream(weight: Array, x: Array) -> bool:
    """Whether weights come from memory output by output, a stream that the machine foresees.

    Each output then loads all activations again: only if they are near is that free.
    """
    is_far = weight.size * weight.itemsize > RESIDENT_BYTES
    is_near = x.size * x.itemsize < NEAR_BYTES
    return is_far and is_near and len(x) <= 2 and weight.itemsize <= STREAMED_ITEM_BYTES


@device
def fill(weight: Array, x: Array, out: Array, start: int, stop: int) -> None:
    """Columns start to stop of out = x @ weight.T, of any kind that tiles take.

    Four outputs share what is loaded of the activations, unless `is_one_stream`.
    """
    rows = len(x)
    if is_one_stream(weight, x):
        for output in range(start, stop):
            if rows == 2:
                _tile_1x2(weight, output, x, 0, out, output)
            else:
                _tile_1x1(weight, output, x, 0, out, output)
        return
    tiled = stop - (stop - start) % 4
    for output in range(start, tiled, 4):
        fill_four(weight, x, out, output)
    for output in range(tiled, stop):
        for row in range(rows):
            _tile_1x1(weight, output, x, row, out, output)


@device
def fill_four(weight: Array, x: Array, out: Array, output: int) -> None:
    """Four columns of out."""
    rows = len(x)
    for row in range(0, rows - 3, 4):
        _tile_4x4(weight, output, x, row, out, output)
    if rows % 4 == 3:
        _tile_4x3(weight, output, x, rows - 3, out, output)
    elif rows % 4 == 2:
        _tile_4x2(weight, output, x, rows - 2, out, output)
    elif rows % 4 == 1:
        _tile_4x1(weight, output, x, rows - 1, out, output)


@device
def scale_sums(
    x_sums: Array, x_scales: Array, scales: Array, out: Array, start: int, stop: int
) -> None:
    """Columns start to stop of out = float32(sums) x_scales scales, rounded in this order.

    The sums lie in the memory of `out`. They are those of raised weights, modulo 2^32; without what
    the raise added they fit.
    """
    sums = out.view(np.int32)
    for row in range(len(sums)):
        added = np.int32(RAISED * x_sums[row])
        for output in range(start, stop):
            total = np.int32(sums[row, output] - added)
            out[row, output] = np.float32(total) * x_scales[row] * scales[output]


@device
def quantize(x: Array, values: Array, x_sums: Array, scales: Array) -> None:
    """Rows of x to int8 values, their sums and one scale per row; NaN where not finite."""
    for row in range(len(x)):
        x_sums[row], scales[row] = quantize_row(x[row], values[row])


@bare_device
def quantize_row(x: Array, values: Array) -> tuple[Any, Any]:
    """One row [in] to int8 values; their sum and their scale, NaN where not finite."""
    peak_bits = np.int32(0)
    for place in range(len(x)):
        peak_bits = max(peak_bits, np.int32(get_bits(x[place]) & _MAGNITUDE_BITS))
    is_finite = peak_bits < _INFINITY_BITS
    scale = max(make_float(peak_bits) / MAX_INT8, _MIN_SCALE)
    total = np.int32(0)
    for place in range(len(x)):
        quotient = x[place] / scale if is_finite else np.float32(0)
        value = np.int32((quotient + _ROUNDER) - _ROUNDER)
        values[place] = value
        total = np.int32(total + value)
    return total, scale if is_finite else np.float32(np.nan)


def prepare(matrix: Matrix, x: Array) -> Operand:
    """Kernels call it: rows as products with this matrix take them, `Operand`."""
    raise NotImplementedError


@choose_by_types(prepare)
def _choose_prepare(matrix: Matrix, x: Array) -> Any:
    def prepare_float(matrix: Matrix, x: Array) -> Operand:
        return (x,)

    def prepare_int8(matrix: Matrix, x: Array) -> Operand:
        values, scales = np.empty(x.shape, np.int8), np.empty(len(x), np.float32)
        sums = np.empty(len(x), np.int32)
        quantize(x, values, sums, scales)
        return values, sums, scales

    return prepare_int8 if len(matrix) > 1 else prepare_float


def make_multiply(fill: Any) -> Any:
    """A function that kernels call for products of any kind of matrix, made of one of tiles.

    `multiply(matrix, x, out, start, stop)` writes columns start to stop of out = x @ matrix.T.

    Args:
        fill: as `fill`, of arrays that tiles take.
    """

    def multiply(matrix: Matrix, x: Operand, out: Array, start: int, stop: int) -> None:
        raise NotImplementedError

    @choose_by_types(multiply)
    def choose(matrix: Matrix, x: Operand, out: Array, start: int, stop: int) -> Any:
        def multiply_float(matrix: Matrix, x: Operand, out: Array, start: int, stop: int) -> None:
            fill(matrix[0], x[0], out, start, stop)

        def multiply_int8(matrix: Matrix, x: Operand, out: Array, start: int, stop: int) -> None:
            fill(matrix[0], x[0], out.view(np.int32), start, stop)
            scale_sums(x[1], x[2], matrix[1], out, start, stop)

        return multiply_int8 if len(matrix) > 1 else multiply_float

    return multiply


multiply_columns = make_multiply(fill)


@device
def multiply_chunk(matrix: Matrix, x: Operand, out: Array, chunk: int, num_chunks: int) -> None:
    """A share of the columns."""
    outputs = out.shape[1]
    start, stop = chunk * outputs // num_chunks, (chunk + 1) * outputs // num_chunks
    multiply_columns(matrix, x, out, start, stop)


@compile_twins
def multiply(matrix: Matrix, x: Array, out: Array, num_chunks: int) -> None:
    """out [R, out] = x [R, in] @ matrix.T, the outputs in chunks."""
    operand = prepare(matrix, x)
    for chunk in prange(num_chunks):
        multiply_chunk(matrix, operand, out, chunk, num_chunks)


@device
def project_chunk(
    q_proj: Matrix,
    k_proj: Matrix,
    v_proj: Matrix,
    normed: Operand,
    query: Array,
    key: Array,
    value: Array,
    chunk: int,
    num_chunks: int,
) -> None:
    """A share of the columns of three products."""
    multiply_chunk(q_proj, normed, query, chunk, num_chunks)
    multiply_chunk(k_proj, normed, key, chunk, num_chunks)
    multiply_chunk(v_proj, normed, value, chunk, num_chunks)


@compile_twins
def project(
    x: Array,
    gain: Array,
    eps: float,
    q_proj: Matrix,
    k_proj: Matrix,
    v_proj: Matrix,
    query: Array,
    key: Array,
    value: Array,
    num_chunks: int,
) -> None:
    """Norm of x [R, D] and its products with three matrices [out, D] of one kind, in chunks."""
    normed = prepare(q_proj, normalize(x, gain, eps))
    for chunk in prange(num_chunks):
        project_chunk(q_proj, k_proj, v_proj, normed, query, key, value, chunk, num_chunks)
