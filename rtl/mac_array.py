"""MAC array: L multipliers, an adder tree and one 48-bit accumulator.

Multipliers stand in columns of DSP blocks, far from each other: their products have a whole cycle
for the way and one addition. The tree leaves one sum or two, which the accumulator adds.

Source: ours. One beat of L products in every cycle; a row is a run of beats from `is_first` to
`is_last`, and rows may follow each other without a gap.

Contract: the sum of a row whose last beat is in cycle t stands in the accumulator in cycle
t + latency_cycles, where `valid` is 1 for one cycle, and `is_coming` SOON_CYCLES before. Partial
sums must fit in 48 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import pyrtl

from fastcar.rtl.circuits import mask
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import (
    ACCUMULATOR_BITS,
    ACTIVATION_BITS,
    signed_difference,
    signed_product,
    signed_sum,
    split_lanes,
)
from fastcar.rtl.registers import delay, drive, latch, make_register

OPERAND_BITS = ACTIVATION_BITS + 1
WEIGHT_BITS = 8
LEVELS_PER_STAGE = 2
"""Additions one after the other in one cycle of the adder tree, but for the first one."""
MAX_SUMS = 2
"""That the accumulator adds in one cycle."""
SOON_CYCLES = 3
"""A sum is announced so many cycles before it is there."""


class MacMode(IntEnum):
    """The factors of a product, lane by lane."""

    WEIGHTS = 0
    """left * weight"""
    SQUARE = 1
    """left * left"""
    DOT = 2
    """left * right"""
    SQUARED_DIFFERENCE = 3
    """(left - right) * (left - right)"""


MODE_BITS = 2


def count_tree_stages(config: AcceleratorConfig) -> int:
    """Cycles of the adder tree; of an even number of levels the last one is the accumulator's."""
    num_levels = config.num_lanes.bit_length() - 1
    return -(-num_levels // LEVELS_PER_STAGE)


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from the last beat of a row to its sum: factors, products, tree, accumulator."""
    return 3 + count_tree_stages(config)


@dataclass(frozen=True)
class MacArrayInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets all beats under way.
        valid: 1 bit, a beat is there.
        is_first: 1 bit, first beat of a row.
        is_last: 1 bit, last beat of a row.
        mode: 2 bits, `MacMode`.
        left: word of L int16.
        right: word of L int16.
        weights: beat of L int8.
        is_left_unsigned: 1 bit, in mode WEIGHTS `left` is a word of L uint16; None: never.
    """

    clear: pyrtl.WireVector
    valid: pyrtl.WireVector
    is_first: pyrtl.WireVector
    is_last: pyrtl.WireVector
    mode: pyrtl.WireVector
    left: pyrtl.WireVector
    right: pyrtl.WireVector
    weights: pyrtl.WireVector
    is_left_unsigned: pyrtl.WireVector | None = None


@dataclass(frozen=True)
class MacArrayOutputs:
    """Wires out of the unit.

    Attributes:
        is_coming: 1 bit, the sum of a row is there SOON_CYCLES later.
        valid: 1 bit, the sum of a row is there.
        accumulator: 48 bits, signed.
    """

    is_coming: pyrtl.WireVector
    valid: pyrtl.WireVector
    accumulator: pyrtl.WireVector


def make_mac_array(config: AcceleratorConfig, name: str, inputs: MacArrayInputs) -> MacArrayOutputs:
    """Build the array: factors, products, adder tree, accumulator."""
    # Datapath.
    products = []
    factors = make_factors(inputs)
    for lane, (left, right) in enumerate(factors):
        left_q = latch(left, f"{name}_left_{lane}")
        right_q = latch(right, f"{name}_right_{lane}")
        products.append(latch(signed_product(left_q, right_q), f"{name}_product_{lane}"))
    sums_q = make_adder_tree(name, products)

    # Control.
    before_sum = latency_cycles(config) - SOON_CYCLES
    valid_soon = delay(inputs.valid, before_sum, f"{name}_valid", inputs.clear)
    is_last_soon = delay(inputs.is_last, before_sum, f"{name}_is_last")
    valid = delay(valid_soon, SOON_CYCLES - 1, f"{name}_is_summed", inputs.clear)
    is_row_q = delay(valid_soon & is_last_soon, SOON_CYCLES, f"{name}_is_row", inputs.clear)
    is_first = delay(inputs.is_first, latency_cycles(config) - 1, f"{name}_is_first")

    accumulator_q = make_register(ACCUMULATOR_BITS, f"{name}_accumulator")
    # No partial sum overflows: the program is checked for it before it is compiled.
    partial_sum = mask(accumulator_q, ~is_first)
    for sum_q in sums_q:
        partial_sum = (partial_sum + sum_q.sign_extended(ACCUMULATOR_BITS))[:ACCUMULATOR_BITS]
    drive(accumulator_q, (valid, partial_sum))
    return MacArrayOutputs(valid_soon & is_last_soon, is_row_q, accumulator_q)


def make_factors(
    inputs: MacArrayInputs,
) -> list[tuple[pyrtl.WireVector, pyrtl.WireVector]]:
    """Both 17-bit factors of every lane."""
    lanes = zip(
        split_lanes(inputs.left, ACTIVATION_BITS),
        split_lanes(inputs.right, ACTIVATION_BITS),
        split_lanes(inputs.weights, WEIGHT_BITS),
        strict=True,
    )
    is_difference = inputs.mode == MacMode.SQUARED_DIFFERENCE
    factors = []
    for left, right, weight in lanes:
        wide_left = left.sign_extended(OPERAND_BITS)
        difference = signed_difference(left, right)
        second = pyrtl.mux(
            inputs.mode,
            weight.sign_extended(OPERAND_BITS),
            wide_left,
            right.sign_extended(OPERAND_BITS),
            difference,
        )
        first = wide_left
        if inputs.is_left_unsigned is not None:
            first = pyrtl.concat(left[-1] & ~inputs.is_left_unsigned, left)
        factors.append((pyrtl.select(is_difference, difference, first), second))
    return factors


def make_adder_tree(name: str, values: list[pyrtl.WireVector]) -> list[pyrtl.WireVector]:
    """MAX_SUMS values at most that add up to a power of two of signed values.

    Registers stand after the first level, then after every LEVELS_PER_STAGE.
    """
    level = 0
    while len(values) > MAX_SUMS:
        for _ in range(LEVELS_PER_STAGE if level else 1):
            values = [signed_sum(*values[i : i + 2]) for i in range(0, len(values), 2)]
            level += 1
        values = [latch(value, f"{name}_sum_{level}_{i}") for i, value in enumerate(values)]
    return values
