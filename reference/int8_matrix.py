"""Weight matrices of int8 with one scale per output row: a quarter of the bytes of float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray

MAX_INT8 = 127
"""Largest magnitude that is used: -128 has no negative, so it is left out."""
MIN_SCALE = np.finfo(np.float32).tiny
"""Smallest normal float32: below it a scale would lose the bits that keep the error bound."""


@dataclass(frozen=True)
class Int8Matrix:
    """A matrix [out, in] whose weight (o, i) is values[o, i] * scales[o].

    Attributes:
        values: [out, in] int8, in [-127, 127].
        scales: [out] float32, above 0.
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in)."""
        outputs, width = self.values.shape
        return outputs, width

    @property
    def nbytes(self) -> int:
        """Bytes of values and scales."""
        return self.values.nbytes + self.scales.nbytes

    def dequantize(self) -> NDArray[np.float32]:
        """The float32 matrix that the integers stand for, [out, in]."""
        matrix: NDArray[np.float32] = self.values * self.scales[:, None]
        return matrix


def quantize_rows(matrix: FloatArray) -> Int8Matrix:
    """The nearest int8 matrix with the scale max |row| / 127 per row; ties go to even.

    No weight is off by more than half the scale of its row, up to the rounding of the quotient:
    |w - q s| <= s (1/2 + 127 u), u the unit roundoff of the dtype.

    Args:
        matrix: [out, in], finite.

    >>> quantize_rows(np.array([[1.0, -2.0], [0.0, 0.0]])).values.tolist()
    [[64, -127], [0, 0]]
    """
    peaks = np.abs(matrix).max(axis=1)
    scales = np.maximum((peaks / MAX_INT8).astype(np.float32), MIN_SCALE)
    quotients = matrix / scales[:, None].astype(matrix.dtype)
    return Int8Matrix(np.rint(quotients, out=quotients).astype(np.int8), scales)
