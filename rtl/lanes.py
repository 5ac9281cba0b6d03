"""Signed arithmetic on wires, and words as lists of lanes; all combinational.

A word holds lane 0 in its lowest bits. Nothing here loses a bit silently: sums and products are
as wide as their largest value, and `saturate` is the only narrowing.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyrtl

from fastcar.reference.errors import ArgumentError

ACTIVATION_BITS = 16
MAX_ACTIVATION = 32767
"""sat16 limits to -32767 .. 32767."""
ACCUMULATOR_BITS = 48
"""Of every sum, so of a score, a distance, a threshold and of E, too; signed."""


def split_lanes(word: pyrtl.WireVector, lane_bits: int) -> list[pyrtl.WireVector]:
    """The lanes of a word, lane 0 first."""
    if len(word) % lane_bits:
        raise ArgumentError("len(word)", len(word), f"a multiple of {lane_bits}")
    return [word[low : low + lane_bits] for low in range(0, len(word), lane_bits)]


def join_lanes(lanes: Sequence[pyrtl.WireVector]) -> pyrtl.WireVector:
    """The word of these lanes, lane 0 in the lowest bits."""
    return pyrtl.concat_list(list(lanes))


def select_lane(
    word: pyrtl.WireVector, lane_index: pyrtl.WireVector, lane_bits: int
) -> pyrtl.WireVector:
    """One lane of a word; `lane_index` has log2(lanes) bits."""
    return pyrtl.mux(lane_index, *split_lanes(word, lane_bits))


def signed_sum(left: pyrtl.WireVector, right: pyrtl.WireVector) -> pyrtl.WireVector:
    """left + right, one bit wider than the wider of the two."""
    num_bits = max(len(left), len(right)) + 1
    return (left.sign_extended(num_bits) + right.sign_extended(num_bits))[:num_bits]


def signed_difference(left: pyrtl.WireVector, right: pyrtl.WireVector) -> pyrtl.WireVector:
    """left - right, one bit wider than the wider of the two."""
    num_bits = max(len(left), len(right)) + 1
    return (left.sign_extended(num_bits) - right.sign_extended(num_bits))[:num_bits]


def signed_product(left: pyrtl.WireVector, right: pyrtl.WireVector) -> pyrtl.WireVector:
    """left * right, as wide as both together."""
    return pyrtl.signed_mult(left, right)


def shift_right_arithmetic(value: pyrtl.WireVector, shift: pyrtl.WireVector) -> pyrtl.WireVector:
    """floor(value / 2^shift), as wide as the value."""
    return pyrtl.shift_right_arithmetic(value, shift)


def saturate(value: pyrtl.WireVector) -> pyrtl.WireVector:
    """sat16: a signed value limited to -32767 .. 32767, 16 bits."""
    num_bits = max(len(value), ACTIVATION_BITS + 1)
    wide = value.sign_extended(num_bits)
    sign = wide[-1]
    upper = wide[ACTIVATION_BITS - 1 : -1]
    is_too_large = ~sign & pyrtl.or_all_bits(upper)
    # The lowest 16-bit value, -32768, is outside too.
    is_lowest = wide[: ACTIVATION_BITS - 1] == 0
    is_too_small = sign & (~pyrtl.and_all_bits(upper) | is_lowest)
    limited = pyrtl.select(
        is_too_large, pyrtl.Const(MAX_ACTIVATION, ACTIVATION_BITS), wide[:ACTIVATION_BITS]
    )
    lowest = pyrtl.Const(-MAX_ACTIVATION, ACTIVATION_BITS, signed=True)
    return pyrtl.select(is_too_small, lowest, limited)
