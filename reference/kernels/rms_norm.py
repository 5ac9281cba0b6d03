"""Root-mean-square normalisation; twin of `fastcar.reference.rms_norm`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import device, kernel
from fastcar.reference.kernels.tiles import make_tile

Array = Any

_tile_1x1 = make_tile(1, 1)


@device
def normalize(x: Array, gain: Array, eps: float) -> Array:
    """x / sqrt(mean(x^2) + eps) * gain, row by row; x [rows, D], gain [D]."""
    rows, width = x.shape
    out = np.empty(x.shape, np.float32)
    squares = np.empty((rows, 1), np.float32)
    for row in range(rows):
        _tile_1x1(x, row, x, row, squares, 0)
        mean_square = squares[row, 0] / np.float32(width)
        root = np.float32(np.sqrt(mean_square + np.float32(eps)))
        for place in range(width):
            out[row, place] = x[row, place] / root * gain[place]
    return out


@kernel()
def normalize_rows(x: Array, gain: Array, eps: float) -> Array:
    """`normalize` on its own."""
    return normalize(x, gain, eps)
