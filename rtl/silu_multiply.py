"""SiLU of the gate times up, requantised: the hidden activations of the MLP.

Source: docs/accelerator.md, section 1. silu(|gate|) comes from a table of 513 values with linear
interpolation, silu(-a) = silu(a) - a; the product with up is requantised by one multiplier. NORM
borrows product and requantiser for every second element.

Contract: one pair in every cycle, the result of the pair of cycle t is there in cycle
t + latency_cycles. Every int16 is allowed, also -32768. While `is_lent` is 1, the result of the
lent factors of cycle t is there in cycle t + 1 + PRODUCT_CYCLES + requantizer.LATENCY_CYCLES.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from reference.tables import SILU_TABLE
from rtl import requantizer
from rtl.config import AcceleratorConfig
from rtl.lanes import signed_difference, signed_product
from rtl.registers import delay, latch
from rtl.requantizer import RequantizerInputs, RequantizerOutputs, make_requantizer

SILU_CYCLES = 3
"""Magnitude, interpolation, sign."""
PRODUCT_CYCLES = 1
REMAINDER_BITS = 6
INDEX_BITS = 9
MAGNITUDE_FRACTION_BITS = 4
"""A has 11 fraction bits, p has 15."""
VALUE_BITS = max(SILU_TABLE).bit_length()
STEPS = tuple(SILU_TABLE[i + 1] - SILU_TABLE[i] for i in range(len(SILU_TABLE) - 1))
STEP_BITS = max(STEPS).bit_length()


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from gate and up to the hidden activation."""
    return SILU_CYCLES + PRODUCT_CYCLES + requantizer.latency_cycles(config)


@dataclass(frozen=True)
class LentInputs:
    """What another instruction has multiplied and requantised.

    Attributes:
        valid: 1 bit.
        left: 16 bits, signed.
        right: 16 bits, signed.
        multiplier: 17 bits, unsigned; it and the shift stay the same while factors are under way.
        shift: 6 bits.
    """

    valid: pyrtl.WireVector
    left: pyrtl.WireVector
    right: pyrtl.WireVector
    multiplier: pyrtl.WireVector
    shift: pyrtl.WireVector


@dataclass(frozen=True)
class SiluMultiplyInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets all pairs under way.
        valid: 1 bit, a pair is there.
        gate: 16 bits, signed.
        up: 16 bits, signed.
        gate_shift: 2 bits; this and the next two stay the same while pairs are under way.
        multiplier: 16 bits, hidden_multiplier.
        shift: 6 bits, hidden_shift.
        is_lent: 1 bit; the next one counts, not the pairs; stays the same while any are under way.
        lent: see there.
    """

    clear: pyrtl.WireVector
    valid: pyrtl.WireVector
    gate: pyrtl.WireVector
    up: pyrtl.WireVector
    gate_shift: pyrtl.WireVector
    multiplier: pyrtl.WireVector
    shift: pyrtl.WireVector
    is_lent: pyrtl.WireVector
    lent: LentInputs


def make_silu_multiply(name: str, inputs: SiluMultiplyInputs) -> RequantizerOutputs:
    """Build the pipeline: SiLU of the gate, product with up, requantisation."""
    lent, is_lent = inputs.lent, inputs.is_lent
    silu = make_silu(name, inputs.gate, inputs.gate_shift)
    up = delay(inputs.up, SILU_CYCLES - 1, f"{name}_up")
    left_q = latch(pyrtl.select(is_lent, lent.left.sign_extended(len(silu)), silu), f"{name}_left")
    right_q = latch(pyrtl.select(is_lent, lent.right, up), f"{name}_right")
    product_q = latch(signed_product(left_q, right_q), f"{name}_product")

    valid = delay(inputs.valid, SILU_CYCLES - 1, f"{name}_valid", inputs.clear)
    is_product_q = delay(
        pyrtl.select(is_lent, lent.valid, valid),
        1 + PRODUCT_CYCLES,
        f"{name}_is_product",
        inputs.clear,
    )
    multiplier = pyrtl.select(
        is_lent, lent.multiplier, inputs.multiplier.zero_extended(len(lent.multiplier))
    )
    shift = pyrtl.select(is_lent, lent.shift, inputs.shift)
    return make_requantizer(
        f"{name}_requantizer",
        RequantizerInputs(inputs.clear, is_product_q, product_q, multiplier, shift),
    )


def make_silu(name: str, gate: pyrtl.WireVector, gate_shift: pyrtl.WireVector) -> pyrtl.WireVector:
    """Signed silu(gate) with 15 fraction bits, SILU_CYCLES - 1 later; gate_shift is constant."""
    magnitude_q = latch(compute_magnitude(gate, gate_shift), f"{name}_magnitude")
    is_negative_q = delay(gate[-1], 2, f"{name}_is_negative")
    positive_q = latch(interpolate(name, magnitude_q), f"{name}_positive")
    line_q = latch(shift_to_line(magnitude_q), f"{name}_line")

    # silu(-a) = silu(a) - a; a zero in front makes both operands signed.
    subtracted = pyrtl.select(is_negative_q, line_q, pyrtl.Const(0, len(line_q)))
    zero = pyrtl.Const(0, 1)
    return signed_difference(pyrtl.concat(zero, positive_q), pyrtl.concat(zero, subtracted))


def compute_magnitude(gate: pyrtl.WireVector, gate_shift: pyrtl.WireVector) -> pyrtl.WireVector:
    """abs(gate) << gate_shift, unsigned with 11 fraction bits."""
    wide = gate.sign_extended(len(gate) + 1)
    magnitude = pyrtl.select(gate[-1], signed_difference(pyrtl.Const(0, 1), gate), wide)
    largest_shift = (1 << len(gate_shift)) - 1
    room = (magnitude[: len(gate)]).zero_extended(len(gate) + largest_shift)
    return pyrtl.shift_left_logical(room, gate_shift)


def shift_to_line(magnitude: pyrtl.WireVector) -> pyrtl.WireVector:
    """The magnitude with 15 instead of 11 fraction bits."""
    return pyrtl.concat(magnitude, pyrtl.Const(0, MAGNITUDE_FRACTION_BITS))


def interpolate(name: str, magnitude_q: pyrtl.Register) -> pyrtl.WireVector:
    """silu of a magnitude, unsigned with 15 fraction bits; from 16.0 on the line itself.

    Args:
        name: of the unit.
        magnitude_q: as `compute_magnitude` gives it, in a register: it addresses the table.
    """
    rom = pyrtl.RomBlock(
        bitwidth=VALUE_BITS + STEP_BITS,
        addrwidth=INDEX_BITS,
        romdata=[SILU_TABLE[i] << STEP_BITS | step for i, step in enumerate(STEPS)],
        name=f"{name}_table",
        asynchronous=False,
    )
    entry = rom[magnitude_q[REMAINDER_BITS:][:INDEX_BITS]]
    value, step = entry[STEP_BITS:], entry[:STEP_BITS]
    scaled = pyrtl.concat(value, pyrtl.Const(0, REMAINDER_BITS))
    half = 1 << (REMAINDER_BITS - 1)
    rounded = scaled + step * magnitude_q[:REMAINDER_BITS] + half
    line = shift_to_line(magnitude_q)
    # At most (64 U[512] + 32) >> 6: narrower than the line.
    curve = rounded[REMAINDER_BITS:].zero_extended(len(line))
    is_beyond = pyrtl.or_all_bits(magnitude_q[REMAINDER_BITS + INDEX_BITS :])
    return pyrtl.select(is_beyond, line, curve)
