"""Scale of the RMS norm: the reciprocal square root of a 48-bit sum.

Source: docs/accelerator.md, section 1. V = sum of squares + E is normalised by an even shift to
2^46 <= M < 2^48, a table gives the mantissa R with linear interpolation: 1 / sqrt(V) is about
R 2^-(16 + t). The elements themselves pass the requantiser with multiplier R and shift 16 + t.

Contract: `valid` in cycle t gives `is_ready` in cycle t + LATENCY_CYCLES; mantissa and shift then
stay until the next `valid`. V = 0 has no reciprocal: the result is then any number.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from reference.tables import RSQRT_FRACTION_BITS, RSQRT_TABLE
from rtl.config import AcceleratorConfig
from rtl.lanes import ACCUMULATOR_BITS
from rtl.registers import delay, drive, latch, make_register
from rtl.requantizer import SHIFT_BITS

LATENCY_CYCLES = 4
NUM_PAIRS = ACCUMULATOR_BITS // 2
HALF_SHIFT_BITS = 5
INDEX_BITS = 9
REMAINDER_BITS = 8
MANTISSA_BITS = max(RSQRT_TABLE).bit_length()
STEPS = tuple(RSQRT_TABLE[i] - RSQRT_TABLE[i + 1] for i in range(len(RSQRT_TABLE) - 1))
STEP_BITS = max(STEPS).bit_length()


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from the sum of squares to mantissa and shift."""
    del config
    return LATENCY_CYCLES


@dataclass(frozen=True)
class RmsNormInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets the sum under way.
        valid: 1 bit, the sum is there.
        sum_of_squares: 48 bits, unsigned.
        epsilon: 48 bits, E.
    """

    clear: pyrtl.WireVector
    valid: pyrtl.WireVector
    sum_of_squares: pyrtl.WireVector
    epsilon: pyrtl.WireVector


@dataclass(frozen=True)
class RmsNormOutputs:
    """Wires out of the unit.

    Attributes:
        is_ready: 1 bit, in one cycle for each sum.
        mantissa: R, 17 bits, unsigned.
        shift: 16 + t, 6 bits.
    """

    is_ready: pyrtl.WireVector
    mantissa: pyrtl.WireVector
    shift: pyrtl.WireVector


def make_rms_norm(name: str, inputs: RmsNormInputs) -> RmsNormOutputs:
    """Build the pipeline: sum with E, position of the highest bit, normalisation, table."""
    value_q = make_register(ACCUMULATOR_BITS, f"{name}_value")
    # The program's sums stay below 2^47: the carry is 0.
    value = (inputs.sum_of_squares + inputs.epsilon)[:ACCUMULATOR_BITS]
    drive(value_q, (inputs.valid, value))

    pair_q = latch(find_highest_pair(value_q), f"{name}_pair")
    pairs_to_shift = (pyrtl.Const(NUM_PAIRS - 1, HALF_SHIFT_BITS) - pair_q)[:HALF_SHIFT_BITS]
    num_shifts = pyrtl.concat(pairs_to_shift, pyrtl.Const(0, 1))
    normalised_q = latch(pyrtl.shift_left_logical(value_q, num_shifts), f"{name}_normalised")
    mantissa_q = latch(interpolate(name, normalised_q), f"{name}_mantissa")

    shift = (pair_q + pyrtl.Const(RSQRT_FRACTION_BITS, SHIFT_BITS))[:SHIFT_BITS]
    is_ready_q = delay(inputs.valid, LATENCY_CYCLES, f"{name}_is_ready", inputs.clear)
    return RmsNormOutputs(is_ready_q, mantissa_q, shift)


def find_highest_pair(value: pyrtl.WireVector) -> pyrtl.WireVector:
    """(bit_length - 1) >> 1 of a value above 0: the highest pair of bits that is not 00."""
    pair = pyrtl.Const(0, HALF_SHIFT_BITS)
    for index in range(1, NUM_PAIRS):
        is_used = pyrtl.or_all_bits(value[2 * index : 2 * index + 2])
        pair = pyrtl.select(is_used, pyrtl.Const(index, HALF_SHIFT_BITS), pair)
    return pair


def interpolate(name: str, normalised_q: pyrtl.Register) -> pyrtl.WireVector:
    """R of a normalised value M in a register, which addresses the table from M = 2^46 on."""
    entries = [RSQRT_TABLE[i] << STEP_BITS | step for i, step in enumerate(STEPS)]
    # M >> 39 runs from 128 to 511: the first quarter is never read.
    unused = [0] * ((1 << INDEX_BITS) - len(entries))
    rom = pyrtl.RomBlock(
        bitwidth=MANTISSA_BITS + STEP_BITS,
        addrwidth=INDEX_BITS,
        romdata=unused + entries,
        name=f"{name}_table",
        asynchronous=False,
    )
    first_bit = ACCUMULATOR_BITS - INDEX_BITS
    entry = rom[normalised_q[first_bit:]]
    value, step = entry[STEP_BITS:], entry[:STEP_BITS]
    remainder = normalised_q[first_bit - REMAINDER_BITS : first_bit]
    half = 1 << (REMAINDER_BITS - 1)
    scaled = pyrtl.concat(value, pyrtl.Const(half, REMAINDER_BITS))
    # The step is at most the value: the difference is not negative.
    return (scaled - step * remainder)[REMAINDER_BITS : REMAINDER_BITS + MANTISSA_BITS]
