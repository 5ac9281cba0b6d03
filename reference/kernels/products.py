"""Products of activation rows with a weight matrix; twin of `reference.linear`.

Threads share the outputs. The kernel is chosen by the number of rows (one, two, more) and
by where the weights lie, as measured. Integer sums are exact, so int8 products equal the spec bit
for bit; float products sum in the order of `reference.kernels.lanes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from reference.kernels.compilation import device, kernel
from reference.kernels.lanes import get_bits, make_float
from reference.kernels.tiles import RAISED, make_tile

Array = Any

RESIDENT_BYTES = 1 << 20
"""Weights up to this size may stay in a core's second cache from one token to the next."""

_tile_1x1, _tile_1x2 = make_tile(1, 1), make_tile(1, 2)
_tile_4x1, _tile_4x2, _tile_4x3, _tile_4x4 = (make_tile(4, rows) for rows in (1, 2, 3, 4))

_MAX_INT8 = np.float32(127)
_MIN_SCALE = np.finfo(np.float32).tiny
_INFINITY_BITS = np.int32(0x7F800000)
_MAGNITUDE_BITS = np.int32(0x7FFFFFFF)
_ROUNDER = np.float32(1.5 * 2**23)
"""Added and subtracted, it rounds to whole numbers, ties to even."""


@device
def fill(weight: Array, x: Array, out: Array, start: int, stop: int) -> None:
    """Columns start to stop of out = x @ weight.T, of any kind that tiles take.

    One or two rows over weights that come from memory read them in one stream, which the machine
    foresees; else four outputs share what is loaded of the activations.
    """
    rows = len(x)
    if rows <= 2 and weight.size * weight.itemsize > RESIDENT_BYTES:
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
    sums: Array,
    x_sums: Array,
    x_scales: Array,
    scales: Array,
    out: Array,
    start: int,
    stop: int,
) -> None:
    """Columns start to stop of out = float32(sums) x_scales scales, rounded in this order.

    The sums are those of raised weights, modulo 2^32; without what the raise added they fit.
    """
    for row in range(len(sums)):
        added = np.int32(RAISED * x_sums[row])
        for output in range(start, stop):
            total = np.int32(sums[row, output] - added)
            out[row, output] = np.float32(total) * x_scales[row] * scales[output]


@device
def quantize(x: Array, values: Array, x_sums: Array, scales: Array) -> None:
    """Rows of x to int8 values, their sums and one scale per row; NaN where not finite."""
    rows, width = x.shape
    for row in range(rows):
        peak_bits = np.int32(0)
        for place in range(width):
            peak_bits = max(peak_bits, np.int32(get_bits(x[row, place]) & _MAGNITUDE_BITS))
        is_finite = peak_bits < _INFINITY_BITS
        scale = max(make_float(peak_bits) / _MAX_INT8, _MIN_SCALE)
        scales[row] = scale if is_finite else np.float32(np.nan)
        total = np.int32(0)
        for place in range(width):
            quotient = x[row, place] / scale if is_finite else np.float32(0)
            value = np.int32((quotient + _ROUNDER) - _ROUNDER)
            values[row, place] = value
            total = np.int32(total + value)
        x_sums[row] = total


@kernel()
def quantize_activations(x: Array, values: Array, x_sums: Array, scales: Array) -> None:
    """`quantize` on its own."""
    quantize(x, values, x_sums, scales)


@kernel()
def multiply_float(weight: Array, x: Array, out: Array) -> None:
    """out = x @ weight.T on one thread."""
    fill(weight, x, out, 0, len(weight))


@kernel(parallel=True)
def multiply_float_parallel(weight: Array, x: Array, out: Array, num_chunks: int) -> None:
    """out = x @ weight.T, the outputs in chunks."""
    outputs = len(weight)
    for chunk in prange(num_chunks):
        start, stop = chunk * outputs // num_chunks, (chunk + 1) * outputs // num_chunks
        fill(weight, x, out, start, stop)


@kernel()
def multiply_int8(
    values: Array, scales: Array, x: Array, x_sums: Array, x_scales: Array, out: Array
) -> None:
    """The integer product on one thread."""
    sums = np.empty(out.shape, np.int32)
    fill(values, x, sums, 0, len(values))
    scale_sums(sums, x_sums, x_scales, scales, out, 0, len(values))


@kernel(parallel=True)
def multiply_int8_parallel(
    values: Array,
    scales: Array,
    x: Array,
    x_sums: Array,
    x_scales: Array,
    out: Array,
    num_chunks: int,
) -> None:
    """The integer product, the outputs in chunks."""
    outputs = len(values)
    sums = np.empty(out.shape, np.int32)
    for chunk in prange(num_chunks):
        start, stop = chunk * outputs // num_chunks, (chunk + 1) * outputs // num_chunks
        fill(values, x, sums, start, stop)
        scale_sums(sums, x_sums, x_scales, scales, out, start, stop)
