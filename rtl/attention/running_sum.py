"""Sum S of the weights of every head.

Source: docs/accelerator.md, section 7: S = (S >> (M' - M)) + (sum p << 11), word by word, from 0.

Contract: weights of a word come one in every cycle. If the last one is there in cycle t, S is
written in cycle t + WRITE_CYCLES; the next word of the same head ends in cycle t + LOOP_CYCLES at
the earliest. The reader's sum is there FETCH_CYCLES after its head, and new if that is read from
cycle t + WRITE_CYCLES + 1 on.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.assertions import require
from fastcar.rtl.attention.formats import GUARD_BITS, TOTAL_BITS, shift_coarse, shift_fine
from fastcar.rtl.circuits import mask
from fastcar.rtl.registers import delay, latch, make_register
from fastcar.rtl.vector_memory import FETCH_CYCLES

WRITE_CYCLES = 1
LOOP_CYCLES = FETCH_CYCLES + WRITE_CYCLES + 1
"""S is read for the next word once it is written, FETCH_CYCLES before its last weight."""


@dataclass(frozen=True)
class RunningSumInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets the word under way.
        weight: SOFTMAX_WEIGHT_BITS.
        is_first: 1 bit, it is that of lane 0.
        is_last: 1 bit, it is that of lane L - 1.
        head: register; it and the next two hold from FETCH_CYCLES before the last lane until S is
            written.
        is_restart: 1 bit, the word is the first one of its head: S counts as 0.
        rescaling: 6 bits, M' - M.
        reader_head: register, of another reader of S.
    """

    clear: pyrtl.WireVector
    weight: pyrtl.WireVector
    is_first: pyrtl.WireVector
    is_last: pyrtl.WireVector
    head: pyrtl.Register
    is_restart: pyrtl.WireVector
    rescaling: pyrtl.WireVector
    reader_head: pyrtl.Register


@dataclass(frozen=True)
class RunningSumOutputs:
    """Wires out of the unit.

    Attributes:
        is_written: 1 bit, S is written in this cycle.
        reader_total: TOTAL_BITS, S of the reader's head.
    """

    is_written: pyrtl.WireVector
    reader_total: pyrtl.WireVector


def make_running_sum(name: str, num_lanes: int, inputs: RunningSumInputs) -> RunningSumOutputs:
    """Build the sum of a word of L weights, the memory of all heads, and the sum of both."""
    # State.
    partial_q = make_register(len(inputs.weight) + num_lanes.bit_length() - 1, f"{name}_sum")
    totals = pyrtl.MemBlock(
        TOTAL_BITS,
        len(inputs.head),
        f"{name}_totals",
        asynchronous=False,
        max_read_ports=2,
        max_write_ports=1,
    )

    # Datapath.
    # L weights below 2^16 fit: no carry is lost.
    base = mask(partial_q, ~inputs.is_first)
    partial_q.next <<= (base + inputs.weight)[: len(partial_q)]
    before = delay(totals[inputs.head], FETCH_CYCLES, f"{name}_before")
    counted = mask(before, ~inputs.is_restart)
    coarse = shift_coarse(pyrtl.concat(pyrtl.Const(0, 1), counted), inputs.rescaling)
    coarse_q = latch(coarse, f"{name}_coarse")
    word = pyrtl.concat(partial_q, pyrtl.Const(0, GUARD_BITS))
    total = shift_fine(coarse_q, inputs.rescaling) + word

    # Control.
    is_written_q = delay(inputs.is_last, WRITE_CYCLES, f"{name}_is_written", inputs.clear)
    totals[inputs.head] <<= pyrtl.MemBlock.EnabledWrite(total[:TOTAL_BITS], is_written_q)
    reader = delay(totals[inputs.reader_head], FETCH_CYCLES, f"{name}_reader")

    # Assertions.
    is_lost = pyrtl.or_all_bits(total[TOTAL_BITS:])
    require(~is_written_q | ~is_lost, f"the sum of the weights fits {TOTAL_BITS} bits")
    return RunningSumOutputs(is_written_q, reader)
