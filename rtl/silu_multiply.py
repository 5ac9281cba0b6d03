"""SiLU of the gate times up, requantised: the hidden activations of the MLP.

Source: docs/accelerator.md, section 1. silu(|gate|) comes from a table of 513 values with linear
interpolation, silu(-a) = silu(a) - a; the product with up is requantised by one multiplier. NORM
borrows product and requantiser for every second element.

Contract: one pair in every cycle, and up comes SILU_CYCLES after its gate; the result of the up of
cycle t is there in cycle t + latency_cycles. Every int16 is allowed, also -32768. While `is_lent`
is 1, the lent factors of cycle t take the place of up.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.reference.tables import SILU_TABLE
from fastcar.rtl import requantizer
from fastcar.rtl.circuits import mask
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import signed_difference, signed_product, signed_sum
from fastcar.rtl.registers import delay, latch
from fastcar.rtl.requantizer import RequantizerInputs, RequantizerOutputs, make_requantizer
from fastcar.rtl.vector_memory import TABLE_CYCLES

SILU_CYCLES = 6
"""Magnitude, its shift, table (3), step times remainder; the sum is a factor at once."""
PRODUCT_CYCLES = 3
"""Factors, partial products, their sum."""
LOW_BITS = 17
"""SiLU is multiplied in two parts, its lower 17 bits and the rest."""
REMAINDER_BITS = 6
INDEX_BITS = 9
MAGNITUDE_FRACTION_BITS = 4
"""A has 11 fraction bits, p has 15."""
VALUE_BITS = max(SILU_TABLE).bit_length()
STEPS = tuple(SILU_TABLE[i + 1] - SILU_TABLE[i] for i in range(len(SILU_TABLE) - 1))
STEP_BITS = max(STEPS).bit_length()


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from up to the hidden activation."""
    return PRODUCT_CYCLES + requantizer.latency_cycles(config)


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
        valid: 1 bit, up is there, and its gate was.
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


def make_silu_multiply(
    name: str, inputs: SiluMultiplyInputs
) -> tuple[RequantizerOutputs, pyrtl.Register]:
    """Build the pipeline: SiLU of the gate, product with up, requantisation.

    Returns:
        The results; the product, PRODUCT_CYCLES after its factors, for who borrows no more.
    """
    lent, is_lent = inputs.lent, inputs.is_lent

    # Datapath.
    silu = make_silu(name, inputs.gate, inputs.gate_shift)
    left = pyrtl.select(is_lent, lent.left.sign_extended(len(silu)), silu)
    left_q = latch(left, f"{name}_left")
    right_q = latch(pyrtl.select(is_lent, lent.right, inputs.up), f"{name}_right")
    product_q = latch(_make_product(name, left_q, right_q), f"{name}_product")

    # Control.
    valid = pyrtl.select(is_lent, lent.valid, inputs.valid)
    valid_q = delay(valid, PRODUCT_CYCLES, f"{name}_valid", inputs.clear)
    multiplier = pyrtl.select(
        is_lent, lent.multiplier, inputs.multiplier.zero_extended(len(lent.multiplier))
    )
    results = make_requantizer(
        f"{name}_requantizer",
        RequantizerInputs(
            clear=inputs.clear,
            valid=valid_q,
            accumulator=product_q,
            multiplier=latch(multiplier, f"{name}_multiplier"),
            shift=latch(pyrtl.select(is_lent, lent.shift, inputs.shift), f"{name}_shift"),
        ),
    )
    return results, product_q


def _make_product(name: str, left: pyrtl.WireVector, right: pyrtl.WireVector) -> pyrtl.WireVector:
    """left times right, from the registers of its two partial products."""
    low = pyrtl.concat(pyrtl.Const(0, 1), left[:LOW_BITS])
    low_q = latch(signed_product(low, right), f"{name}_low_product")
    high_q = latch(signed_product(left[LOW_BITS:], right), f"{name}_high_product")
    return signed_sum(pyrtl.concat(high_q, pyrtl.Const(0, LOW_BITS)), low_q)


def make_silu(name: str, gate: pyrtl.WireVector, gate_shift: pyrtl.WireVector) -> pyrtl.WireVector:
    """Signed silu(gate) with 15 fraction bits, SILU_CYCLES later; gate_shift is constant."""
    absolute_q = latch(compute_absolute(gate), f"{name}_absolute")
    magnitude_q = latch(shift_magnitude(absolute_q, gate_shift), f"{name}_magnitude")
    return interpolate(name, magnitude_q, delay(gate[-1], 5, f"{name}_is_negative"))


def compute_absolute(gate: pyrtl.WireVector) -> pyrtl.WireVector:
    """abs(gate), unsigned, 16 bits."""
    wide = gate.sign_extended(len(gate) + 1)
    absolute = pyrtl.select(gate[-1], signed_difference(pyrtl.Const(0, 1), gate), wide)
    return absolute[: len(gate)]


def shift_magnitude(absolute: pyrtl.WireVector, gate_shift: pyrtl.WireVector) -> pyrtl.WireVector:
    """The magnitude: abs(gate) << gate_shift, unsigned with 11 fraction bits."""
    largest_shift = (1 << len(gate_shift)) - 1
    room = absolute.zero_extended(len(absolute) + largest_shift)
    return pyrtl.shift_left_logical(room, gate_shift)


def shift_to_line(magnitude: pyrtl.WireVector) -> pyrtl.WireVector:
    """The magnitude with 15 instead of 11 fraction bits."""
    return pyrtl.concat(magnitude, pyrtl.Const(0, MAGNITUDE_FRACTION_BITS))


def interpolate(
    name: str, magnitude_q: pyrtl.Register, is_negative: pyrtl.WireVector
) -> pyrtl.WireVector:
    """silu of a magnitude, or of its negative, signed with 15 fraction bits; 4 cycles later.

    silu(-a) = silu(a) - a: the line is subtracted from the table's value, and from 16.0 on, where
    silu is the line itself, 0 is left.

    Args:
        name: of the unit.
        magnitude_q: as `shift_magnitude` gives it, in a register: it addresses the table.
        is_negative: 1 bit, TABLE_CYCLES after the magnitude.
    """
    rom = pyrtl.RomBlock(
        bitwidth=VALUE_BITS + STEP_BITS,
        addrwidth=INDEX_BITS,
        romdata=[SILU_TABLE[i] << STEP_BITS | step for i, step in enumerate(STEPS)],
        name=f"{name}_table",
        asynchronous=False,
    )
    entry = delay(rom[magnitude_q[REMAINDER_BITS:][:INDEX_BITS]], TABLE_CYCLES, f"{name}_entry")
    late_magnitude = delay(magnitude_q, TABLE_CYCLES, f"{name}_magnitude")
    value, step = entry[STEP_BITS:], entry[:STEP_BITS]

    zero = pyrtl.Const(0, 1)
    line = pyrtl.concat(zero, shift_to_line(late_magnitude))
    subtracted = mask(line, is_negative)
    half = pyrtl.Const(1 << (REMAINDER_BITS - 1), REMAINDER_BITS)
    base = signed_difference(
        pyrtl.concat(zero, value, half), pyrtl.concat(subtracted, pyrtl.Const(0, REMAINDER_BITS))
    )
    base_q = latch(base, f"{name}_base")
    scaled_step = pyrtl.concat(zero, step * late_magnitude[:REMAINDER_BITS])
    scaled_step_q = latch(scaled_step, f"{name}_scaled_step")
    curve = signed_sum(base_q, scaled_step_q)[REMAINDER_BITS:]
    is_beyond = pyrtl.or_all_bits(late_magnitude[REMAINDER_BITS + INDEX_BITS :])
    is_beyond_q = latch(is_beyond, f"{name}_is_beyond")
    line_q = latch(mask(line, ~is_negative), f"{name}_line")
    return pyrtl.select(is_beyond_q, line_q.sign_extended(len(curve)), curve)
