"""Weight matrices stored as bfloat16: the upper half of a float32, half of the bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray
from fastcar.reference.errors import ArgumentError


@dataclass(frozen=True)
class BFloat16Matrix:
    """A matrix [out, in] of bfloat16; arithmetic is that of the float32 numbers it holds.

    Attributes:
        bits: [out, in] uint16: sign, 8 bits of exponent, 7 bits of fraction.
    """

    bits: NDArray[np.uint16]

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in)."""
        outputs, width = self.bits.shape
        return outputs, width

    @property
    def nbytes(self) -> int:
        """Bytes of the storage."""
        return self.bits.nbytes

    def widen(self) -> NDArray[np.float32]:
        """The same numbers as float32, exactly; [out, in]."""
        return widen_bits(self.bits)


def widen_bits(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The float32 numbers whose upper halves are given.

    >>> widen_bits(np.array([0x3F80, 0xC040], np.uint16)).tolist()
    [1.0, -3.0]
    """
    return (bits.astype(np.uint32) << 16).view(np.float32)


def round_to_bfloat16(matrix: FloatArray) -> BFloat16Matrix:
    """The nearest bfloat16 matrix, ties to even; relative error at most 2^-8.

    Args:
        matrix: [out, in], finite and below the largest bfloat16, 3.39e38.

    >>> round_to_bfloat16(np.array([[1.0, 1.00390625, 1.01171875]])).widen().tolist()
    [[1.0, 1.0, 1.015625]]
    """
    return BFloat16Matrix(round_bits(matrix))


def round_bits(numbers: FloatArray, name: str = "weight") -> NDArray[np.uint16]:
    """The bits of the nearest bfloat16 numbers, ties to even; any shape.

    Raises:
        ArgumentError: a number is not finite as bfloat16; `name` says what it is.
    """
    bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    is_finite = (rounded & 0x7F80) != 0x7F80
    if not is_finite.all():
        raise ArgumentError(name, float(numbers[~is_finite][0]), "finite as bfloat16")
    return rounded.astype(np.uint16)
