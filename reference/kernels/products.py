"""Products of activation rows with a weight matrix; twin of `reference.linear`.

Threads share the outputs. The kernel is chosen by the number of rows (one, two, four and more) and
by where the weights lie, as measured. Integer sums are exact, so int8 products equal the spec bit
for bit; float products sum in the order of `reference.kernels.lanes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from reference.kernels.compilation import device, kernel
from reference.kernels.lanes import get_bits, make_float
from reference.kernels.tiles import make_tile

Array = Any

RESIDENT_BYTES = 1 << 20
"""Weights up to this size may stay in a core's second cache from one token to the next."""

_tile_1x1, _tile_1x2 = make_tile(1, 1), make_tile(1, 2)
_tile_4x1, _tile_4x2, _tile_4x4 = (make_tile(4, rows) for rows in (1, 2, 4))

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
    if len(x) <= 2 and weight.size * weight.itemsize > RESIDENT_BYTES:
        for output in range(start, stop):
            if len(x) == 2:
                _tile_1x2(weight, output, x, 0, out, output)
            else:
                _tile_1x1(weight, output, x, 0, out, output)
        return
    tiled = stop - (stop - start) % 4
    for output in range(start, tiled, 4):
        row = 0
        while row + 4 <= len(x):
            _tile_4x4(weight, output, x, row, out, output)
            row += 4
        if row + 2 <= len(x):
            _tile_4x2(weight, output, x, row, out, output)
            row += 2
        if row < len(x):
            _tile_4x1(weight, output, x, row, out, output)
    for output in range(tiled, stop):
        for row in range(len(x)):
            _tile_1x1(weight, output, x, row, out, output)


@device
def scale_sums(
    sums: Array, x_scales: Array, scales: Array, out: Array, start: int, stop: int
) -> None:
    """Columns start to stop of out = float32(sums) x_scales scales, rounded in this order."""
    for row in range(len(sums)):
        for output in range(start, stop):
            out[row, output] = np.float32(sums[row, output]) * x_scales[row] * scales[output]


@device
def quantize(x: Array, values: Array, scales: Array) -> None:
    """Rows of x to int8 values (held as int16) and one scale per row; NaN where not finite."""
    rows, width = x.shape
    for row in range(rows):
        peak_bits = np.int32(0)
        for place in range(width):
            peak_bits = max(peak_bits, np.int32(get_bits(x[row, place]) & _MAGNITUDE_BITS))
        is_finite = peak_bits < _INFINITY_BITS
        scale = max(make_float(peak_bits) / _MAX_INT8, _MIN_SCALE)
        scales[row] = scale if is_finite else np.float32(np.nan)
        for place in range(width):
            quotient = x[row, place] / scale if is_finite else np.float32(0)
            values[row, place] = np.int16((quotient + _ROUNDER) - _ROUNDER)


@kernel()
def quantize_activations(x: Array, values: Array, scales: Array) -> None:
    """`quantize` on its own."""
    quantize(x, values, scales)


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
def multiply_int8(values: Array, scales: Array, x: Array, x_scales: Array, out: Array) -> None:
    """The integer product on one thread."""
    sums = np.empty(out.shape, np.int32)
    fill(values, x, sums, 0, len(values))
    scale_sums(sums, x_scales, scales, out, 0, len(values))


@kernel(parallel=True)
def multiply_int8_parallel(
    values: Array, scales: Array, x: Array, x_scales: Array, out: Array, num_chunks: int
) -> None:
    """The integer product, the outputs in chunks."""
    outputs = len(values)
    sums = np.empty(out.shape, np.int32)
    for chunk in prange(num_chunks):
        start, stop = chunk * outputs // num_chunks, (chunk + 1) * outputs // num_chunks
        fill(values, x, sums, start, stop)
        scale_sums(sums, x_scales, scales, out, start, stop)
