"""Root-mean-square normalisation; twin of `reference.rms_norm`."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.kernels.compilation import kernel
from reference.kernels.tiles import make_tile

Array = Any

_tile_1x1 = make_tile(1, 1)


@kernel()
def normalize_rows(x: Array, gain: Array, eps: float, out: Array) -> None:
    """out = x / sqrt(mean(x^2) + eps) * gain, row by row; x and out [rows, D], gain [D]."""
    rows, width = x.shape
    squares = np.empty((rows, 1), np.float32)
    for row in range(rows):
        _tile_1x1(x, row, x, row, squares, 0)
        mean_square = squares[row, 0] / np.float32(width)
        root = np.float32(np.sqrt(mean_square + np.float32(eps)))
        for place in range(width):
            out[row, place] = x[row, place] / root * gain[place]
