"""The accelerator's arithmetic on Python integers, straight from docs/accelerator.md, section 1."""

from __future__ import annotations

from math import isqrt

from fastcar.reference.tables import RSQRT_FIRST_INDEX, RSQRT_TABLE, SILU_TABLE


def saturate(value: int) -> int:
    return max(-32767, min(32767, value))


def divide_rounding(value: int, shift: int) -> int:
    """round(value / 2^shift), ties upwards."""
    half = 0 if shift == 0 else 1 << (shift - 1)
    return (value + half) // (1 << shift)


def requantize(accumulator: int, multiplier: int, shift: int) -> int:
    return saturate(divide_rounding(accumulator * multiplier, shift))


def rsqrt(value: int) -> tuple[int, int]:
    """Mantissa R and exponent t of 1 / sqrt(value)."""
    t = (value.bit_length() - 1) >> 1
    normalised = value << (46 - 2 * t)
    assert 2**46 <= normalised < 2**48
    index, r = normalised >> 39, (normalised >> 31) & 255
    this, following = (RSQRT_TABLE[index + i - RSQRT_FIRST_INDEX] for i in range(2))
    return (256 * this - (this - following) * r + 128) >> 8, t


def silu(gate: int, gate_shift: int) -> int:
    magnitude = abs(gate) << gate_shift
    if magnitude >= 2**15:
        positive = magnitude << 4
    else:
        index, r = magnitude >> 6, magnitude & 63
        this, following = SILU_TABLE[index], SILU_TABLE[index + 1]
        positive = (64 * this + (following - this) * r + 32) >> 6
    return positive if gate >= 0 else positive - (magnitude << 4)


def hidden(gate: int, up: int, gate_shift: int, multiplier: int, shift: int) -> int:
    return requantize(silu(gate, gate_shift) * up, multiplier, shift)


def norm(x: list[int], gains: list[int], epsilon: int) -> list[int]:
    mantissa, t = rsqrt(sum(value * value for value in x) + epsilon)
    pairs = zip(x, gains, strict=True)
    return [
        saturate((value * gain * mantissa + 2 ** (15 + t)) >> (16 + t)) for value, gain in pairs
    ]


def gemv(
    weights: list[list[int]], vector: list[int], multipliers: list[int], shift: int
) -> list[int]:
    sums = [sum(w * a for w, a in zip(row, vector, strict=True)) for row in weights]
    return [requantize(s, m, shift) for s, m in zip(sums, multipliers, strict=True)]


def add(x: list[int], y: list[int]) -> list[int]:
    return [saturate(a + b) for a, b in zip(x, y, strict=True)]


def dot(left: list[int], right: list[int]) -> int:
    return sum(a * b for a, b in zip(left, right, strict=True))


def squared_distance(left: list[int], right: list[int]) -> int:
    return sum((a - b) ** 2 for a, b in zip(left, right, strict=True))


def exact_rsqrt_scaled(value: int, num_bits: int) -> int:
    """floor(2^num_bits / sqrt(value)), without any table."""
    return isqrt((1 << 2 * num_bits) // value)
