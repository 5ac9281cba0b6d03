"""Rounding to bfloat16: once, to the nearest, ties to even, against exact rationals."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastcar.reference.bfloat16_matrix import round_bits, round_to_bfloat16, widen_bits
from fastcar.reference.errors import ArgumentError

LARGEST = 0x7F7F
"""Bits of the largest bfloat16; those of positive numbers rise with the numbers."""


def get_value(bits: int) -> Fraction:
    """The number that bits below 0x7F80 stand for: exponent biased by 127, 7 bits of fraction."""
    exponent, fraction = divmod(bits, 128)
    if exponent == 0:
        return Fraction(fraction) * Fraction(1, 2**133)
    return (128 + Fraction(fraction)) * Fraction(2) ** (exponent - 134)


def round_exactly(number: Fraction) -> int | None:
    """Bits of the nearest bfloat16, by bisection over all of them; None beyond the largest."""
    size, low, high = abs(number), 0, LARGEST + 1
    while low + 1 < high:  # value(low) <= size < value(high)
        middle = (low + high) // 2
        low, high = (middle, high) if get_value(middle) <= size else (low, middle)
    above, below = get_value(high) - size, size - get_value(low)
    nearest = low if below < above or (below == above and low % 2 == 0) else high
    return None if nearest > LARGEST else nearest | (0x8000 if number < 0 else 0)


def check(number: float, dtype: type[np.floating]) -> None:
    array = np.array([number], dtype)
    expected = round_exactly(Fraction(float(array[0])))
    if expected is None:
        with pytest.raises(ArgumentError, match="finite as bfloat16"):
            round_bits(array)
    elif array[0] != 0:
        assert int(round_bits(array)[0]) == expected


def test_the_values_are_those_of_the_upper_half_of_float32() -> None:
    for bits in (*range(300), 0x3F80, LARGEST):
        assert get_value(bits) == Fraction(struct.unpack(">f", struct.pack(">HH", bits, 0))[0])


@given(st.integers(0, LARGEST - 1), st.sampled_from([1, -1]), st.integers(0, 80), st.booleans())
@example(0x3F80, 1, 45, True)
@example(0, 1, 30, True)
def test_float64_beside_a_tie_is_rounded_once(
    bits: int, sign: int, distance_bits: int, is_above: bool
) -> None:
    """A hair beside the middle of two neighbours, nearer than float32 can tell."""
    middle = float((get_value(bits) + get_value(bits + 1)) / 2)  # one bit more: exact
    hair = math.ldexp(middle, -distance_bits)
    check(sign * (middle + hair if is_above else middle - hair), np.float64)


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(5e-324)
@example(2.0**-134)
@example(2.0**-134 * (1 + 2**-52))
@example(3 * 2.0**-134)
@example(2.0**-150)
@example((2 - 2**-8) * 2.0**127)
@example((2 - 2**-8 - 2**-52) * 2.0**127)
@example(-1.7e308)
def test_any_float64_is_rounded_to_the_nearest(number: float) -> None:
    check(number, np.float64)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_any_float32_is_rounded_to_the_nearest(number: float) -> None:
    check(number, np.float32)


def test_every_bfloat16_and_every_tie_is_rounded_right() -> None:
    """Exhaustively, in float64: the numbers, the ties between them, and both sides of each."""
    bits = np.arange(LARGEST, dtype=np.uint16)
    low, high = (widen_bits(one).astype(np.float64) for one in (bits, bits + np.uint16(1)))
    middle = (low + high) / 2
    assert np.array_equal(round_bits(low), bits)
    assert np.array_equal(round_bits(middle), bits + bits % 2)
    assert np.array_equal(round_bits(np.nextafter(middle, 0)), bits)
    assert np.array_equal(round_bits(np.nextafter(middle, np.inf)), bits + 1)
    assert np.array_equal(round_bits(-middle), bits + bits % 2 + 0x8000)


@pytest.mark.parametrize("exponent", [-140, -134, -127, -126, -125, 0, 100])
def test_errors_keep_their_bounds(exponent: int) -> None:
    numbers = np.random.default_rng(0).uniform(1, 2, (50, 4)) * 2.0**exponent
    error = np.abs(round_to_bfloat16(numbers).widen() - numbers)
    bound = numbers * 2**-8 if exponent >= -126 else 2.0**-134
    assert (error <= bound).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pattern", [0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001, 0x7F800000, 0xFF800000])
def test_nan_and_infinity_are_refused_whatever_their_bits(
    dtype: type[np.floating], pattern: int
) -> None:
    with np.errstate(invalid="ignore"):  # a signalling NaN
        numbers = np.array([[1], [pattern]], np.uint32).view(np.float32).astype(dtype)
    numbers[0] = 1
    with pytest.raises(ArgumentError, match=r"^key = (nan|-?inf): must be finite as bfloat16$"):
        round_bits(numbers, "key")


def test_the_shape_and_the_order_stay() -> None:
    numbers = np.arange(12.0).reshape(3, 4).T
    assert np.array_equal(widen_bits(round_bits(numbers)), numbers)
