"""Requantisation: a wide sum times an unsigned multiplier, rounded, shifted and saturated.

Source: docs/accelerator.md, section 1: sat16((accumulator * multiplier + half) >> shift) with
half = 2^(shift - 1), 0 if shift = 0. GEMV, the RMS norm and the hidden activations all end here.

Contract: one value in every cycle, the result of the value of cycle t is there in cycle
t + LATENCY_CYCLES. Every shift from 0 to 63 is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from rtl.config import AcceleratorConfig
from rtl.lanes import saturate, shift_right_arithmetic, signed_product, signed_sum
from rtl.registers import delay, latch

LATENCY_CYCLES = 4
SHIFT_BITS = 6
LOW_BITS = 24
"""The accumulator is multiplied in two parts, its lower 24 bits and the rest."""


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from value to result, the same in every configuration."""
    del config
    return LATENCY_CYCLES


@dataclass(frozen=True)
class RequantizerInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets all values under way.
        valid: 1 bit, a value is there.
        accumulator: signed, more than 24 bits.
        multiplier: unsigned, any width.
        shift: 6 bits; stays the same while values are under way.
    """

    clear: pyrtl.WireVector
    valid: pyrtl.WireVector
    accumulator: pyrtl.WireVector
    multiplier: pyrtl.WireVector
    shift: pyrtl.WireVector


@dataclass(frozen=True)
class RequantizerOutputs:
    """Wires out of the unit: valid (1 bit) and the result (16 bits, signed)."""

    valid: pyrtl.WireVector
    result: pyrtl.WireVector


def make_requantizer(name: str, inputs: RequantizerInputs) -> RequantizerOutputs:
    """Build the pipeline: partial products, sum with half, shift, saturation."""
    unsigned_multiplier = pyrtl.concat(pyrtl.Const(0, 1), inputs.multiplier)
    low = pyrtl.concat(pyrtl.Const(0, 1), inputs.accumulator[:LOW_BITS])
    high = inputs.accumulator[LOW_BITS:]
    low_product_q = latch(signed_product(low, unsigned_multiplier), f"{name}_low_product")
    high_product_q = latch(signed_product(high, unsigned_multiplier), f"{name}_high_product")

    shifted_high = pyrtl.concat(high_product_q, pyrtl.Const(0, LOW_BITS))
    product = signed_sum(shifted_high, low_product_q)
    # A zero in front: half is not negative.
    half = pyrtl.concat(pyrtl.Const(0, 1), compute_half(inputs.shift))
    sum_q = latch(signed_sum(product, half), f"{name}_sum")

    quotient_q = latch(shift_right_arithmetic(sum_q, inputs.shift), f"{name}_quotient")
    result_q = latch(saturate(quotient_q), f"{name}_result")
    valid_q = delay(inputs.valid, LATENCY_CYCLES, f"{name}_valid", inputs.clear)
    return RequantizerOutputs(valid_q, result_q)


def compute_half(shift: pyrtl.WireVector) -> pyrtl.WireVector:
    """2^(shift - 1), 0 if shift = 0; unsigned."""
    one_hot = pyrtl.shift_left_logical(pyrtl.Const(1, 1 << len(shift)), shift)
    return one_hot[1:]
