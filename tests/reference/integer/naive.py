"""Section 1 of docs/accelerator.md in Python integers, number by number, without NumPy.

Written from the page alone, so that the units and this text do not share a mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from fastcar.reference.tables import RSQRT_TABLE, SILU_TABLE


def limit(value: int) -> int:
    """sat16."""
    return max(-32767, min(32767, value))


def round_shift(value: int, shift: int) -> int:
    """round(value / 2^shift), ties upwards."""
    return floor(Fraction(value, 1 << shift) + Fraction(1, 2)) if shift else value


def requantize(accumulator: int, multiplier: int, shift: int) -> int:
    return limit(round_shift(accumulator * multiplier, shift))


def rsqrt(square: int) -> tuple[int, int]:
    t = (square.bit_length() - 1) >> 1
    mantissa = square << (46 - 2 * t)
    index, remainder = mantissa >> 39, (mantissa >> 31) & 255
    start, end = RSQRT_TABLE[index - 128], RSQRT_TABLE[index - 127]
    return (256 * start - (start - end) * remainder + 128) >> 8, t


def rms_norm(x: Sequence[int], gains: Sequence[int], epsilon: int) -> list[int]:
    root, t = rsqrt(sum(value * value for value in x) + epsilon)
    pairs = zip(x, gains, strict=True)
    return [limit(round_shift(value * gain * root, 16 + t)) for value, gain in pairs]


def silu(gate: int, gate_shift: int) -> int:
    magnitude = abs(gate) << gate_shift
    if magnitude >= 1 << 15:
        positive = magnitude << 4
    else:
        index, remainder = magnitude >> 6, magnitude & 63
        step = SILU_TABLE[index + 1] - SILU_TABLE[index]
        positive = (64 * SILU_TABLE[index] + step * remainder + 32) >> 6
    return positive if gate >= 0 else positive - (magnitude << 4)


def hidden(gate: int, up: int, gate_shift: int, multiplier: int, shift: int) -> int:
    return requantize(silu(gate, gate_shift) * up, multiplier, shift)


def dot(row: Sequence[int], other: Sequence[int]) -> int:
    return sum(one * two for one, two in zip(row, other, strict=True))


def distance(normed: Sequence[int], cached: Sequence[int]) -> int:
    return sum((one - two) ** 2 for one, two in zip(normed, cached, strict=True))


def digest(beats: Sequence[bytes]) -> int:
    value = 0
    for beat in beats:
        value = ((value << 1) | (value >> 31)) & 0xFFFFFFFF
        for start in range(0, len(beat), 4):
            value ^= int.from_bytes(beat[start : start + 4], "little")
    return value
