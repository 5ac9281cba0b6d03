"""Scale of the RMS norm: the reciprocal square root of a 48-bit sum.

Source: docs/accelerator.md, section 1. V = sum of squares + E is normalised by an even shift to
2^46 <= M < 2^48, a table gives the mantissa R with linear interpolation: 1 / sqrt(V) is about
R 2^-(16 + t). The elements themselves pass the requantiser with multiplier R and shift 16 + t.

Contract: `valid` in cycle t gives `is_ready` in cycle t + LATENCY_CYCLES: elements may be
announced, whose way to the requantiser takes longer than the rest here. Mantissa and shift are
there from cycle t + MANTISSA_CYCLES on and stay until the next `valid`. V = 0 has no reciprocal:
the result is then any number.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.reference.tables import RSQRT_FRACTION_BITS, RSQRT_TABLE
from fastcar.rtl.circuits import select_value
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import ACCUMULATOR_BITS
from fastcar.rtl.registers import delay, drive, latch, make_register
from fastcar.rtl.requantizer import SHIFT_BITS
from fastcar.rtl.vector_memory import TABLE_CYCLES

MANTISSA_CYCLES = 9
"""Sum, highest pair (2), shift, table (3), step times remainder, difference."""
LATENCY_CYCLES = 2
"""So that the first element meets the mantissa: see `result_path`."""
HALF_SHIFT_BITS = 5
GROUP_PAIRS = 4
INDEX_BITS = 9
REMAINDER_BITS = 8
MANTISSA_BITS = max(RSQRT_TABLE).bit_length()
STEPS = tuple(RSQRT_TABLE[i] - RSQRT_TABLE[i + 1] for i in range(len(RSQRT_TABLE) - 1))
STEP_BITS = max(STEPS).bit_length()


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from the sum of squares to the announcement of elements."""
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
        is_ready: 1 bit, in one cycle for each sum: elements may be announced from the next on.
        mantissa: R, 17 bits, unsigned.
        shift: 16 + t, 6 bits.
    """

    is_ready: pyrtl.WireVector
    mantissa: pyrtl.WireVector
    shift: pyrtl.WireVector


def make_rms_norm(name: str, inputs: RmsNormInputs) -> RmsNormOutputs:
    """Build the pipeline: sum with E, position of the highest bit, normalisation, table."""
    # State.
    value_q = make_register(ACCUMULATOR_BITS, f"{name}_value")

    # Datapath.
    # The program's sums stay below 2^47: the carry is 0.
    value = (inputs.sum_of_squares + inputs.epsilon)[:ACCUMULATOR_BITS]
    drive(value_q, (inputs.valid, value))

    pair_q = _find_highest_pair(name, value_q)
    # The complement of the pair's number is its distance from the top of a word of 32 pairs.
    num_shifts = pyrtl.concat(~pair_q, pyrtl.Const(0, 1))
    room = value_q.zero_extended(2 << HALF_SHIFT_BITS)
    normalised = pyrtl.shift_left_logical(room, num_shifts)[-ACCUMULATOR_BITS:]
    normalised_q = latch(normalised, f"{name}_normalised")
    mantissa_q = latch(interpolate(name, normalised_q), f"{name}_mantissa")

    shift = (pair_q + pyrtl.Const(RSQRT_FRACTION_BITS, SHIFT_BITS))[:SHIFT_BITS]

    # Control.
    is_ready_q = delay(inputs.valid, LATENCY_CYCLES, f"{name}_is_ready", inputs.clear)
    return RmsNormOutputs(is_ready_q, mantissa_q, shift)


def _find_highest_pair(name: str, value: pyrtl.WireVector) -> pyrtl.Register:
    """(bit_length - 1) >> 1 of a value above 0: the highest pair of bits that is not 00.

    2 cycles later: in each group of pairs first, then among the groups.
    """
    is_used = [pyrtl.or_all_bits(value[2 * pair : 2 * pair + 2]) for pair in range(len(value) // 2)]
    groups = [
        pyrtl.concat_list(is_used[first : first + GROUP_PAIRS])
        for first in range(0, len(is_used), GROUP_PAIRS)
    ]
    is_group_used = pyrtl.concat_list([pyrtl.or_all_bits(group) for group in groups])
    is_group_used_q = latch(is_group_used, f"{name}_is_group_used")
    places_q = [
        latch(find_highest(group), f"{name}_group_{number}") for number, group in enumerate(groups)
    ]
    group = find_highest(is_group_used_q)
    return latch(pyrtl.concat(group, select_value(places_q, group)), f"{name}_pair")


def find_highest(bits: pyrtl.WireVector) -> pyrtl.WireVector:
    """Index of the highest bit that is 1, by halves; any index if there is none."""
    num_bits = max(1, (len(bits) - 1).bit_length())
    if len(bits) == 1:
        return pyrtl.Const(0, num_bits)
    half = 1 << num_bits - 1
    upper, lower = bits[half:], bits[:half]
    is_upper = pyrtl.or_all_bits(upper)
    if num_bits == 1:
        return is_upper
    below = num_bits - 1
    upper_index = find_highest(upper).zero_extended(below)
    return pyrtl.concat(is_upper, pyrtl.select(is_upper, upper_index, find_highest(lower)))


def interpolate(name: str, normalised_q: pyrtl.Register) -> pyrtl.WireVector:
    """R of a normalised value M from 2^46 on, 4 cycles later.

    Args:
        name: of the unit.
        normalised_q: M in a register: it addresses the table.
    """
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
    entry = delay(rom[normalised_q[first_bit:]], TABLE_CYCLES, f"{name}_entry")
    value, step = entry[STEP_BITS:], entry[:STEP_BITS]
    # The sum stays until the next one: the remainder is still there when the entry comes.
    remainder = normalised_q[first_bit - REMAINDER_BITS : first_bit]
    half = 1 << (REMAINDER_BITS - 1)
    scaled_q = latch(pyrtl.concat(value, pyrtl.Const(half, REMAINDER_BITS)), f"{name}_scaled")
    scaled_step_q = latch(step * remainder, f"{name}_scaled_step")
    # The step is at most the value: the difference is not negative.
    return (scaled_q - scaled_step_q)[REMAINDER_BITS : REMAINDER_BITS + MANTISSA_BITS]
