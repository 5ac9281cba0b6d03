"""Products of the frame kernel: tiles for weights that stay in a core's second cache.

Weights that come from memory are multiplied as `kernels.products` does, which asks for them ahead.

Gains, as time without over time with, of whole videos of the shipped model at batch 1 in bfloat16
(`python -m tools.bench.tricks`): eight outputs of one row at once 1.03, the number of rows looked
at outside of the loop over outputs 1.01, nothing asked for ahead 1.05.
"""

from __future__ import annotations

from typing import Any

from fastcar.reference.kernels import products
from fastcar.reference.kernels.compilation import choose_by_types, inlined_device, shared_device
from fastcar.reference.kernels.products import Matrix, Operand, quantize
from fastcar.reference.kernels.tiles import make_tile

Array = Any

_tile_1x1, _tile_4x1, _tile_8x1, _tile_4x2, _tile_4x3, _tile_4x4 = (
    make_tile(outputs, rows, is_near=True)
    for outputs, rows in ((1, 1), (4, 1), (8, 1), (4, 2), (4, 3), (4, 4))
)


@inlined_device
def fill_last_rows(weight: Array, x: Array, out: Array, start: int, stop: int, first: int) -> None:
    """Columns start to stop, a multiple of four, of the one to three rows from `first` on."""
    if len(x) - first == 3:
        for output in range(start, stop, 4):
            _tile_4x3(weight, output, x, first, out, output)
    elif len(x) - first == 2:
        for output in range(start, stop, 4):
            _tile_4x2(weight, output, x, first, out, output)
    else:
        paired = stop - (stop - start) % 8
        for output in range(start, paired, 8):
            _tile_8x1(weight, output, x, first, out, output)
        for output in range(paired, stop, 4):
            _tile_4x1(weight, output, x, first, out, output)


@inlined_device
def fill_near(weight: Array, x: Array, out: Array, start: int, stop: int) -> None:
    """Columns start to stop of out = x @ weight.T; the number of rows is looked at once."""
    rows = len(x)
    tiled, whole = stop - (stop - start) % 4, rows - rows % 4
    if whole:
        for output in range(start, tiled, 4):
            for row in range(0, whole, 4):
                _tile_4x4(weight, output, x, row, out, output)
    if whole < rows:
        fill_last_rows(weight, x, out, start, tiled, whole)
    for output in range(tiled, stop):
        for row in range(rows):
            _tile_1x1(weight, output, x, row, out, output)


@shared_device
def fill(weight: Array, x: Array, out: Array, start: int, stop: int) -> None:
    """Columns start to stop of out = x @ weight.T, of any kind that tiles take."""
    if weight.size * weight.itemsize > products.RESIDENT_BYTES:
        products.fill(weight, x, out, start, stop)
    else:
        fill_near(weight, x, out, start, stop)


def prepare(matrix: Matrix, x: Array, scratch: Operand) -> Operand:
    """Kernels call it: rows as products with this matrix take them; integers into `scratch`."""
    raise NotImplementedError


@choose_by_types(prepare)
def _choose_prepare(matrix: Matrix, x: Array, scratch: Operand) -> Any:
    def prepare_float(matrix: Matrix, x: Array, scratch: Operand) -> Operand:
        return (x,)

    def prepare_int8(matrix: Matrix, x: Array, scratch: Operand) -> Operand:
        rows = len(x)
        values, sums, scales = scratch[0][:rows], scratch[1][:rows], scratch[2][:rows]
        quantize(x, values, sums, scales)
        return values, sums, scales

    return prepare_int8 if len(matrix) > 1 else prepare_float


multiply = products.make_multiply(fill)
