"""Context of attention: weighted sums of values, shifted to one exponent and accumulated.

Source: docs/accelerator.md, section 7 (D-46): A = sum over words of floor((sum p v) 2^11 2^-(M - M
of the word)), M of the last word of the head. The shift comes before the accumulation, so that no
accumulator is ever shifted.

Contract: one sum in every cycle, for positions 0 .. K - 1 in any order; a position comes back
RETURN_CYCLES later at the earliest. The accumulator to which the sum of cycle t was the last one is
there in cycle t + LATENCY_CYCLES.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.assertions import require
from fastcar.rtl.attention.formats import GUARD_BITS, limit_rescaling, shift_coarse, shift_fine
from fastcar.rtl.circuits import mask
from fastcar.rtl.lanes import ACCUMULATOR_BITS, signed_sum
from fastcar.rtl.registers import delay, latch
from fastcar.rtl.vector_memory import FETCH_CYCLES

ADD_CYCLES = FETCH_CYCLES + 1
"""Sum and position in registers, shift in two steps; the accumulator is fetched meanwhile."""
LATENCY_CYCLES = ADD_CYCLES + 1
RETURN_CYCLES = LATENCY_CYCLES
"""What is there after LATENCY_CYCLES is written at once, and fetched again one cycle later."""
WORD_SUM_BITS = ACCUMULATOR_BITS - GUARD_BITS
"""Of a sum over one word: 25 and those of the number of lanes are enough."""


@dataclass(frozen=True)
class ContextInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets the sums under way.
        sum_valid: 1 bit, a sum is there; the following belong to it.
        sum: 48 bits, signed, sum over L lanes of p v; within WORD_SUM_BITS.
        is_first: 1 bit, the accumulator starts with this sum.
        is_last: 1 bit, it is passed on afterwards.
        position: below K, number of head and element.
        drop: 17 bits, M - M of the word.
    """

    clear: pyrtl.WireVector
    sum_valid: pyrtl.WireVector
    sum: pyrtl.WireVector
    is_first: pyrtl.WireVector
    is_last: pyrtl.WireVector
    position: pyrtl.WireVector
    drop: pyrtl.WireVector


@dataclass(frozen=True)
class ContextOutputs:
    """Wires out of the unit.

    Attributes:
        value_valid: 1 bit, an accumulator is complete.
        value: 48 bits, signed, A.
    """

    value_valid: pyrtl.WireVector
    value: pyrtl.Register


def count_position_bits(num_positions: int) -> int:
    """Width of a position below K."""
    return max(1, (num_positions - 1).bit_length())


def make_context(name: str, inputs: ContextInputs) -> ContextOutputs:
    """Build shifter, memory of accumulators and adder; K is what `position` can name."""
    # State.
    accumulators = pyrtl.MemBlock(
        ACCUMULATOR_BITS,
        len(inputs.position),
        f"{name}_accumulators",
        asynchronous=False,
        max_read_ports=1,
        max_write_ports=1,
    )

    # Datapath.
    sum_q = latch(inputs.sum[:WORD_SUM_BITS], f"{name}_sum")
    drop_q = latch(limit_rescaling(inputs.drop), f"{name}_drop")
    scaled = pyrtl.concat(sum_q, pyrtl.Const(0, GUARD_BITS))
    coarse_q = latch(shift_coarse(scaled, drop_q), f"{name}_coarse")
    fine_drop = delay(drop_q, 1, f"{name}_fine_drop")
    shifted_q = latch(shift_fine(coarse_q, fine_drop), f"{name}_shifted")
    places = _track(name, inputs)
    before = delay(accumulators[places[1].position], FETCH_CYCLES, f"{name}_before")
    is_first = delay(inputs.is_first, ADD_CYCLES, f"{name}_is_first")
    total = signed_sum(mask(before, ~is_first), shifted_q)
    total_q = latch(total[:ACCUMULATOR_BITS], f"{name}_total")

    # Control.
    end = places[LATENCY_CYCLES]
    accumulators[end.position] <<= pyrtl.MemBlock.EnabledWrite(total_q, end.valid)
    is_last = delay(inputs.is_last, LATENCY_CYCLES, f"{name}_is_last")

    # Assertions.
    for place in places[1:RETURN_CYCLES]:
        is_same = place.valid & (place.position == inputs.position)
        require(~inputs.sum_valid | ~is_same, "a position returns when it has been written")
    is_narrow = _is_sign(inputs.sum[WORD_SUM_BITS - 1 :])
    require(~inputs.sum_valid | is_narrow, f"sums of p v fit {WORD_SUM_BITS} bits")
    is_held = _is_sign(total[ACCUMULATOR_BITS - 1 :])
    require(~places[ADD_CYCLES].valid | is_held, f"contexts fit {ACCUMULATOR_BITS} bits")
    return ContextOutputs(end.valid & is_last, total_q)


@dataclass(frozen=True)
class _Place:
    """Where a sum under way belongs.

    Attributes:
        valid: 1 bit.
        position: its accumulator.
    """

    valid: pyrtl.WireVector
    position: pyrtl.WireVector


def _track(name: str, inputs: ContextInputs) -> list[_Place]:
    """The places of the sums of now, of the cycle before, and so on up to LATENCY_CYCLES."""
    places = [_Place(inputs.sum_valid, inputs.position)]
    for cycle in range(1, LATENCY_CYCLES + 1):
        before = places[-1]
        valid = delay(before.valid, 1, f"{name}_valid_{cycle}", inputs.clear)
        places.append(_Place(valid, latch(before.position, f"{name}_position_{cycle}")))
    return places


def _is_sign(bits: pyrtl.WireVector) -> pyrtl.WireVector:
    """1 bit: all bits are those of one sign."""
    return pyrtl.and_all_bits(bits) | ~pyrtl.or_all_bits(bits)
