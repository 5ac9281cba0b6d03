"""Reciprocal of the sum of every head, by division bit after bit.

Source: docs/accelerator.md, section 7: e = bit_length(S), R = floor((2^33 - 1) / (S >> (e - 18))),
for S within [2^26, 2^40); of a smaller S the result is any number.

Contract: heads finish one after the other, from head 0 on, and so do their divisions. A division
starts in the cycle after its head has finished, START_CYCLES after the one before at the earliest,
and R is written WRITE_CYCLES after it has started. The reader's R and e are there FETCH_CYCLES
after its head, and new if that is read from the cycle of `is_done` on.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention.formats import (
    BIT_LENGTH_BITS,
    GUARD_BITS,
    RECIPROCAL_BITS,
    SOFTMAX_WEIGHT_BITS,
)
from fastcar.rtl.circuits import mask
from fastcar.rtl.lanes import signed_difference
from fastcar.rtl.registers import decrement, delay, drive, increment, latch, make_register
from fastcar.rtl.rms_norm import find_highest
from fastcar.rtl.vector_memory import FETCH_CYCLES

START_CYCLES = RECIPROCAL_BITS
"""From division to division: one bit of R in a cycle; what comes before it, meanwhile."""
LOAD_CYCLES = FETCH_CYCLES
"""From the start to the divisor: highest bit of S, shift."""
WRITE_CYCLES = LOAD_CYCLES + RECIPROCAL_BITS + 1
DONE_CYCLES = WRITE_CYCLES + 1
DIVISOR_BITS = 18
SMALLEST_BIT_LENGTH = SOFTMAX_WEIGHT_BITS + GUARD_BITS
"""Of S: the largest weight has its highest bit."""


@dataclass(frozen=True)
class ReciprocalInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets all heads under way.
        is_finished: 1 bit, S of the next head is final and can be read.
        head: register driven here, the head to be divided for.
        total: TOTAL_BITS, S of this head, FETCH_CYCLES later.
        reader_head: register, of the reader of R.
    """

    clear: pyrtl.WireVector
    is_finished: pyrtl.WireVector
    head: pyrtl.Register
    total: pyrtl.WireVector
    reader_head: pyrtl.Register


@dataclass(frozen=True)
class ReciprocalOutputs:
    """Wires out of the unit.

    Attributes:
        is_done: 1 bit, in one cycle: R of the last head has been written.
        reader_reciprocal: RECIPROCAL_BITS, R of the reader's head.
        reader_bit_length: BIT_LENGTH_BITS, e of the reader's head.
    """

    is_done: pyrtl.WireVector
    reader_reciprocal: pyrtl.WireVector
    reader_bit_length: pyrtl.WireVector


def make_reciprocal(name: str, num_heads: int, inputs: ReciprocalInputs) -> ReciprocalOutputs:
    """Build the queue of H heads, the divider and the memory of results."""
    # State.
    reciprocals = pyrtl.MemBlock(
        RECIPROCAL_BITS + BIT_LENGTH_BITS,
        len(inputs.head),
        f"{name}_results",
        asynchronous=False,
        max_read_ports=1,
        max_write_ports=1,
    )
    written_head_q = make_register(len(inputs.head), f"{name}_written_head")

    # Datapath.
    is_starting, is_ending = _make_queue(name, num_heads, inputs)
    load = delay(is_starting, LOAD_CYCLES, f"{name}_load", inputs.clear)
    divisor, bit_length = _normalise(name, inputs.total)
    quotient_q = _make_divider(name, load, divisor)
    bit_length_q = make_register(BIT_LENGTH_BITS, f"{name}_bit_length")
    drive(bit_length_q, (load, bit_length))
    # The next head's may have come in the cycle in which R is written.
    result = pyrtl.concat(latch(bit_length_q, f"{name}_old_bit_length"), quotient_q)

    # Control.
    is_written_q = delay(is_ending, WRITE_CYCLES - START_CYCLES + 1, f"{name}_end", inputs.clear)
    reciprocals[written_head_q] <<= pyrtl.MemBlock.EnabledWrite(result, is_written_q)
    following, is_last = follow_head(written_head_q, num_heads)
    drive(written_head_q, (is_written_q, following), clear=inputs.clear)
    is_done_q = delay(is_written_q & is_last, 1, f"{name}_is_done", inputs.clear)
    reader = delay(reciprocals[inputs.reader_head], FETCH_CYCLES, f"{name}_reader")
    return ReciprocalOutputs(is_done_q, reader[:RECIPROCAL_BITS], reader[RECIPROCAL_BITS:])


def follow_head(
    head: pyrtl.WireVector, num_heads: int
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """The head after this one, 0 after the last one, and 1 bit: this one is the last."""
    is_last = head == num_heads - 1
    return mask(increment(head), ~is_last), is_last


def _make_queue(
    name: str, num_heads: int, inputs: ReciprocalInputs
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """1 bit: a division starts; 1 bit: the last cycle before the next one may."""
    num_waiting_q = make_register(num_heads.bit_length(), f"{name}_num_waiting")
    num_cycles_q = make_register((START_CYCLES - 1).bit_length(), f"{name}_num_cycles")
    is_busy_q = make_register(1, f"{name}_is_busy")
    is_starting = (num_waiting_q != 0) & ~is_busy_q
    is_ending = is_busy_q & (num_cycles_q == START_CYCLES - 1)
    drive(
        num_waiting_q,
        (inputs.is_finished & ~is_starting, increment(num_waiting_q)),
        (~inputs.is_finished & is_starting, decrement(num_waiting_q)),
        clear=inputs.clear,
    )
    drive(num_cycles_q, (is_starting, 1), (is_busy_q, increment(num_cycles_q)))
    drive(is_busy_q, (is_starting, 1), (is_ending, 0), clear=inputs.clear)
    following, _ = follow_head(inputs.head, num_heads)
    drive(inputs.head, (is_starting, following), clear=inputs.clear)
    return is_starting, is_ending


def _normalise(name: str, total: pyrtl.WireVector) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """S >> (e - 18) and e, one cycle later; S holds until then."""
    place_q = latch(find_highest(total[SMALLEST_BIT_LENGTH - 1 :]), f"{name}_place")
    aligned = pyrtl.shift_right_logical(total[SMALLEST_BIT_LENGTH - DIVISOR_BITS :], place_q)
    smallest = pyrtl.Const(SMALLEST_BIT_LENGTH, BIT_LENGTH_BITS)
    return aligned[:DIVISOR_BITS], (place_q + smallest)[:BIT_LENGTH_BITS]


def _make_divider(name: str, load: pyrtl.WireVector, divisor: pyrtl.WireVector) -> pyrtl.Register:
    """floor((2^33 - 1) / divisor), complete RECIPROCAL_BITS + 1 cycles after `load`.

    17 ones are less than any divisor; each step brings down the next one.
    """
    divisor_q = make_register(DIVISOR_BITS, f"{name}_divisor")
    remainder_q = make_register(DIVISOR_BITS, f"{name}_remainder")
    quotient_q = make_register(RECIPROCAL_BITS, f"{name}_quotient")
    zero, one = pyrtl.Const(0, 1), pyrtl.Const(1, 1)
    dividend = pyrtl.concat(remainder_q, one)
    rest = signed_difference(pyrtl.concat(zero, dividend), pyrtl.concat(zero, divisor_q))
    is_contained = ~rest[-1]
    remainder = pyrtl.select(is_contained, rest[:DIVISOR_BITS], dividend[:DIVISOR_BITS])
    drive(divisor_q, (load, divisor))
    drive(remainder_q, (load, (1 << (DIVISOR_BITS - 1)) - 1), (one, remainder))
    quotient_q.next <<= pyrtl.concat(quotient_q[:-1], is_contained)
    return quotient_q
