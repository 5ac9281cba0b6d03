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
    """The nearest bfloat16 matrix, ties to even, rounded once from float32 or float64.

    The error is at most 2^-8 of a number of at least 2^-126 in magnitude, at most 2^-134 below.

    Args:
        matrix: [out, in], finite and below the largest bfloat16, 3.39e38.

    >>> round_to_bfloat16(np.array([[1.0, 1.00390625, 1.01171875]])).widen().tolist()
    [[1.0, 1.0, 1.015625]]
    """
    return BFloat16Matrix(round_bits(matrix))


def round_bits(numbers: FloatArray, name: str = "weight") -> NDArray[np.uint16]:
    """The bits of the nearest bfloat16 numbers, ties to even; float32 or float64 of any shape.

    Raises:
        ArgumentError: a number is not finite as bfloat16; `name` says what it is.
    """
    bits = _round_to_odd(numbers).view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    # a NaN whose bits are all ones would be carried over to zero, so what came in counts too
    is_finite = ((bits & 0x7F800000) != 0x7F800000) & ((rounded & 0x7F80) != 0x7F80)
    if not is_finite.all():
        raise ArgumentError(name, float(numbers[~is_finite][0]), "finite as bfloat16")
    return rounded.astype(np.uint16)


def _round_to_odd(numbers: FloatArray) -> NDArray[np.float32]:
    """Float32 numbers that are rounded to bfloat16 as the given ones are.

    To nearest twice is not to nearest once: what the first rounding takes for a tie need be none.
    So a number between two of float32 becomes the one whose last bit is 1, which is no tie and no
    bfloat16, and lies on the same side of every tie (Boldo and Melquiond, "Emulation of FMA and
    correctly rounded sums: proved algorithms using rounding to odd", 2008).
    """
    with np.errstate(over="ignore", invalid="ignore"):  # the caller refuses what is not finite
        nearest = np.ascontiguousarray(numbers, np.float32)
    if numbers.dtype == np.float32:
        return nearest
    bits = nearest.view(np.uint32)
    towards_zero = bits - (np.abs(nearest) > np.abs(numbers))
    return np.where(nearest == numbers, bits, towards_zero | 1).astype(np.uint32).view(np.float32)
