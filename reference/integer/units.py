"""Integer units of the MLP phase on NumPy, bit for bit what the hardware computes.

Specified in docs/accelerator.md, section 1. Rows of a batch never influence each other. Every
rounding is to nearest, ties upwards: add half, shift right arithmetically.

Notation: B rows, D model width, F inner width, `>>` the arithmetic shift.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, Int8Array, Int16Array, Int64Array, UInt16Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.tables import RSQRT_FIRST_INDEX, RSQRT_TABLE, SILU_LAST_INDEX, SILU_TABLE

ACCUMULATOR_BITS = 48
"""Width of every accumulator, signed."""
MAX_ACCUMULATOR = (1 << (ACCUMULATOR_BITS - 1)) - 1

MAX_WEIGHT = 127
MAX_MULTIPLIER = 65535
MAX_SHIFT = 47
"""Largest shift of a requantisation: with it product plus half still fit 64 bits."""
MAX_GATE_SHIFT = 3
GATE_FRACTION_BITS = 11
"""A gate stands for gate 2^-(11 - gate_shift)."""

_RSQRT = np.array(RSQRT_TABLE, np.int64)
_SILU = np.array(SILU_TABLE, np.int64)


def saturate(x: Int64Array) -> Int16Array:
    """Limit to -32767 .. 32767.

    >>> saturate(np.array([-40000, -32768, 5, 32768])).tolist()
    [-32767, -32767, 5, 32767]
    """
    return np.clip(x, -MAX_ACTIVATION, MAX_ACTIVATION).astype(np.int16)


def shift_rounding(x: Int64Array, shift: int | Int64Array) -> Int64Array:
    """round(x / 2^shift), ties upwards; shift 0 changes nothing.

    >>> shift_rounding(np.array([-3, -2, -1, 1, 2, 3]), 1).tolist()
    [-1, -1, 0, 1, 1, 2]
    """
    half = np.left_shift(np.int64(1), shift) >> 1
    shifted: Int64Array = (x + half) >> shift
    return shifted


def requantize(
    accumulator: Int64Array, multiplier: int | UInt16Array | Int64Array, shift: int
) -> Int16Array:
    """sat16((accumulator * multiplier + half) >> shift).

    Args:
        accumulator: [..., out], within 48 bits.
        multiplier: 0 .. 65535, one or one per output [out].
        shift: 0 .. 47.

    >>> requantize(np.array([-3, 3, 1 << 20]), 3, shift=1).tolist()
    [-4, 5, 32767]
    """
    check_shift("shift", shift)
    check_accumulator(accumulator)
    product = accumulator * np.asarray(multiplier, np.int64)
    return saturate(shift_rounding(product, shift))


def compute_rsqrt(squares: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Reciprocal square root: 1 / sqrt(V) is about R 2^-(16 + t).

    Args:
        squares: V, any shape, 1 <= V < 2^47.

    Returns:
        R (32,768 .. 65,536) and t (0 .. 23), shape of V. `fastcar.proofs.tables` proves the largest
        relative error.

    >>> compute_rsqrt(np.array([1, 4, 5]))
    (array([65536, 65536, 58617]), array([0, 1, 1]))
    """
    if squares.size and not 1 <= squares.min() <= squares.max() <= MAX_ACCUMULATOR:
        worst = squares.min() if squares.min() < 1 else squares.max()
        raise ArgumentError("squares", int(worst), "at least 1 and below 2^47")
    bit_length = np.frexp(squares.astype(np.float64))[1].astype(np.int64)  # exact below 2^53
    half_exponent = (bit_length - 1) >> 1  # t
    mantissa = squares << (ACCUMULATOR_BITS - 2 - 2 * half_exponent)  # M in [2^46, 2^48)
    cell = (mantissa >> 39) - RSQRT_FIRST_INDEX
    remainder = (mantissa >> 31) & 255
    start, end = _RSQRT[cell], _RSQRT[cell + 1]
    return shift_rounding(256 * start - (start - end) * remainder, 8), half_exponent


def compute_integer_rms_norm(x: Int16Array, gains: Int16Array, epsilon: int) -> Int16Array:
    """Normalised rows.

    Args:
        x: [B, D] int16.
        gains: [D] int16, G.
        epsilon: E, at least 1: eps in units of the sum of squares.

    Returns:
        [B, D] int16 of scale sqrt(D) max|g| / 32767.

    >>> x, gains = np.array([[3, 4]], np.int16), np.array([32767, 32767], np.int16)
    >>> compute_integer_rms_norm(x, gains, epsilon=1).tolist()  # about 32767 (3, 4) / sqrt(26)
    [[19279, 25705]]
    """
    wide = x.astype(np.int64)
    squares = (wide * wide).sum(axis=-1) + epsilon  # V, [B]
    check_accumulator(squares)
    root, half_exponent = compute_rsqrt(squares)
    product = wide * gains.astype(np.int64) * root[:, None]
    return saturate(shift_rounding(product, 16 + half_exponent[:, None]))


def compute_accumulators(activations: Int16Array, weights: Int8Array) -> Int64Array:
    """Sums of a matrix-vector product, one vector per row.

    Args:
        activations: [B, in] int16.
        weights: [out, in] int8.

    Returns:
        [B, out] int64, within 48 bits.

    >>> compute_accumulators(np.array([[2, -3]], np.int16), np.array([[1, 1], [5, 0]], np.int8))
    array([[-1, 10]])
    """
    accumulators: Int64Array = activations.astype(np.int64) @ weights.astype(np.int64).T
    check_accumulator(accumulators)
    return accumulators


def compute_accumulators_in_float(
    activations: Int16Array, weights: NDArray[np.float64]
) -> Int64Array:
    """Twin of `compute_accumulators` on weights already cast to float64 [out, in].

    Each partial sum is a whole number below in * 128 * 32768; below 2^53 float64 holds it exactly
    in whatever order BLAS adds.
    """
    check_width(weights.shape[1])
    return (activations.astype(np.float64) @ weights.T).astype(np.int64)


def compute_integer_silu(gate: Int16Array, gate_shift: int) -> Int64Array:
    """silu of the gate in 15 fraction bits.

    Args:
        gate: int16, any shape; stands for gate 2^-(11 - gate_shift).
        gate_shift: 0 .. 3.

    Returns:
        int64, same shape, at most 23 bits. `fastcar.proofs.tables` proves the largest error.

    >>> compute_integer_silu(np.array([-2048, 0, 2048, 32767], np.int16), gate_shift=0).tolist()
    [-8813, 0, 23955, 524272]
    """
    if not 0 <= gate_shift <= MAX_GATE_SHIFT:
        raise ArgumentError("gate_shift", gate_shift, f"in [0, {MAX_GATE_SHIFT}]")
    magnitude = np.abs(gate.astype(np.int64)) << gate_shift  # A, 11 fraction bits
    cell = np.minimum(magnitude >> 6, SILU_LAST_INDEX - 1)
    start, end = _SILU[cell], _SILU[cell + 1]
    interpolated = shift_rounding(64 * start + (end - start) * (magnitude & 63), 6)
    is_linear = magnitude >> 6 >= SILU_LAST_INDEX
    positive = np.where(is_linear, magnitude << 4, interpolated)
    silu: Int64Array = np.where(gate >= 0, positive, positive - (magnitude << 4))
    return silu


def compute_integer_hidden(
    gate: Int16Array, up: Int16Array, gate_shift: int, multiplier: int, shift: int
) -> Int16Array:
    """sat16((silu(gate) * up * multiplier + half) >> shift), element by element.

    >>> gate, up = np.array([2048, -2048], np.int16), np.array([1000, 1000], np.int16)
    >>> compute_integer_hidden(gate, up, gate_shift=0, multiplier=32768, shift=30).tolist()
    [731, -269]
    """
    product = compute_integer_silu(gate, gate_shift) * up.astype(np.int64)
    return requantize(product, multiplier, shift)


def add_residual(x: Int16Array, y: Int16Array) -> Int16Array:
    """sat16(x + y).

    >>> add_residual(np.array([32000, 1], np.int16), np.array([1000, 1], np.int16)).tolist()
    [32767, 2]
    """
    return saturate(x.astype(np.int64) + y.astype(np.int64))


def compute_integer_distance(normed: Int16Array, cached: Int16Array) -> Int64Array:
    """Sum over D of (n - c)^2, [B] int64; replay iff it is at most the integer threshold.

    >>> rows = np.array([[3, 4]], np.int16)
    >>> compute_integer_distance(rows, np.zeros((1, 2), np.int16)).tolist()
    [25]
    """
    gap = normed.astype(np.int64) - cached.astype(np.int64)
    distance: Int64Array = (gap * gap).sum(axis=-1)
    check_accumulator(distance)
    return distance


def is_distance_kept(distance: Int64Array, integer_threshold: int) -> BoolArray:
    """Whether each row [B] replays: the comparison that the distance unit makes."""
    return distance <= integer_threshold


def check_accumulator(accumulator: NDArray[Any]) -> None:
    """Refuse a sum that the 48 bits of an accumulator do not hold."""
    if not accumulator.size:
        return
    smallest, largest = int(accumulator.min()), int(accumulator.max())
    if smallest < -MAX_ACCUMULATOR - 1 or largest > MAX_ACCUMULATOR:
        worst = largest if largest > MAX_ACCUMULATOR else smallest
        raise ArgumentError("accumulator", worst, f"within {ACCUMULATOR_BITS} bits")


def check_shift(name: str, shift: int) -> None:
    """Refuse a shift that a requantiser does not have."""
    if not 0 <= shift <= MAX_SHIFT:
        raise ArgumentError(name, shift, f"in [0, {MAX_SHIFT}]")


def check_width(num_inputs: int) -> None:
    """Refuse a product so wide that a sum of int8 times int16 could leave 48 bits."""
    limit = MAX_ACCUMULATOR // (MAX_WEIGHT * (MAX_ACTIVATION + 1))
    if not 1 <= num_inputs <= limit:
        raise ArgumentError("inputs of a matrix", num_inputs, f"from 1 to {limit}")
