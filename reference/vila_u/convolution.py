"""Convolutions with stride 1 as matrix products, over as many rows at a time as memory allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import Float32Array

PATCH_BYTES = 1 << 25
"""Values gathered for one product; at least those of one row of the picture."""


@dataclass(frozen=True)
class Convolution:
    """A square kernel, stride 1, zeros around the picture, so that its size stays.

    Attributes:
        weight: [O, I, k, k], k odd.
        bias: [O].
    """

    weight: Float32Array
    bias: Float32Array

    def compute(self, x: Float32Array) -> Float32Array:
        """Convolve one picture.

        Args:
            x: [I, h, w].

        Returns:
            [O, h, w].
        """
        channels, height, width = x.shape
        matrix = self.weight.reshape(len(self.weight), -1)
        side = self.weight.shape[-1]
        if side == 1:
            product = matrix @ x.reshape(channels, -1)
            return (product + self.bias[:, None]).reshape(-1, height, width)
        margin = side // 2
        padded = np.pad(x, ((0, 0), (margin, margin), (margin, margin)))
        result = np.empty((len(matrix), height, width), x.dtype)
        most_rows = max(1, PATCH_BYTES // (matrix.shape[1] * width * x.itemsize))
        for first in range(0, height, most_rows):
            rows = slice(first, min(first + most_rows, height))
            patches = _gather_patches(padded, rows, side)
            product = matrix @ patches
            result[:, rows] = (product + self.bias[:, None]).reshape(len(matrix), -1, width)
        return result


def _gather_patches(padded: Float32Array, rows: slice, side: int) -> Float32Array:
    """The neighbourhoods of all places of some rows, [I k k, rows w]."""
    channels, _, padded_width = padded.shape
    num_rows, width = rows.stop - rows.start, padded_width - side + 1
    patches = np.empty((channels, side, side, num_rows, width), padded.dtype)
    for down in range(side):
        for right in range(side):
            top = rows.start + down
            patches[:, down, right] = padded[:, top : top + num_rows, right : right + width]
    return patches.reshape(channels * side * side, num_rows * width)
