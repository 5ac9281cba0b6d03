"""Running maximum M of every head, in whole octaves.

Source: docs/accelerator.md, section 7: M' = max(M, floor(max z / 256) + 1). Only octaves are
compared: floor(max z / 256) is the largest floor(z / 256).

Contract: octaves of a word come one in every cycle. If the last one is there in cycle t,
`is_coming` is 1 in cycle t + COMING_CYCLES; M' and M' - M stand in registers from the next cycle
on, until those of the next word. The next word of the same head ends in cycle t + LOOP_CYCLES at
the earliest.

The reader's exponent is there FETCH_CYCLES after its head, and new if that is read from cycle
t + COMING_CYCLES + 1 on.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention.formats import (
    EXPONENT_BITS,
    RESCALING_BITS,
    limit_rescaling,
)
from fastcar.rtl.circuits import mask
from fastcar.rtl.lanes import signed_difference
from fastcar.rtl.registers import delay, drive, increment, latch, make_register
from fastcar.rtl.vector_memory import FETCH_CYCLES

COMING_CYCLES = 3
"""Largest octave of the word, one more, difference to M, which has been read meanwhile."""
LOOP_CYCLES = COMING_CYCLES + 1
"""M' is read for the next word once it is written."""


@dataclass(frozen=True)
class RunningMaximumInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets the word under way.
        octave: EXPONENT_BITS, signed, floor(z / 256) of a lane, NO_OCTAVE if it does not count.
        is_first: 1 bit, it is lane 0.
        is_last: 1 bit, it is lane L - 1.
        head: register; it and the next one hold from the last lane for LOOP_CYCLES.
        is_restart: 1 bit, the word is the first one of its head: M does not count.
        reader_head: register, of another reader of M.
    """

    clear: pyrtl.WireVector
    octave: pyrtl.WireVector
    is_first: pyrtl.WireVector
    is_last: pyrtl.WireVector
    head: pyrtl.Register
    is_restart: pyrtl.WireVector
    reader_head: pyrtl.Register


@dataclass(frozen=True)
class RunningMaximumOutputs:
    """Wires out of the unit.

    Attributes:
        is_coming: 1 bit, the next two are there in the next cycle.
        exponent: EXPONENT_BITS, signed, M'.
        rescaling: 6 bits, min(M' - M, 63); any number where M does not count.
        reader_exponent: EXPONENT_BITS, signed, M of the reader's head.
    """

    is_coming: pyrtl.WireVector
    exponent: pyrtl.Register
    rescaling: pyrtl.Register
    reader_exponent: pyrtl.WireVector


def make_running_maximum(name: str, inputs: RunningMaximumInputs) -> RunningMaximumOutputs:
    """Build the maximum of a word, the memory of all heads, and the maximum of both."""
    # State.
    largest_q = make_register(EXPONENT_BITS, f"{name}_largest")
    needed_q = make_register(EXPONENT_BITS, f"{name}_needed")
    exponent_q = make_register(EXPONENT_BITS, f"{name}_exponent")
    rescaling_q = make_register(RESCALING_BITS, f"{name}_rescaling")
    exponents = pyrtl.MemBlock(
        EXPONENT_BITS,
        len(inputs.head),
        f"{name}_exponents",
        asynchronous=False,
        max_read_ports=2,
        max_write_ports=1,
    )

    # Datapath.
    is_larger = inputs.is_first | pyrtl.signed_gt(inputs.octave, largest_q)
    drive(largest_q, (is_larger, inputs.octave))
    is_complete_q = delay(inputs.is_last, 1, f"{name}_is_complete", inputs.clear)
    drive(needed_q, (is_complete_q, increment(largest_q)))
    before = delay(exponents[inputs.head], FETCH_CYCLES, f"{name}_before")
    rise_q = latch(signed_difference(needed_q, before), f"{name}_rise")
    is_below = rise_q[-1]
    exponent = pyrtl.select(is_below & ~inputs.is_restart, before, needed_q)
    rescaling = mask(limit_rescaling(rise_q[:-1]), ~is_below)

    # Control.
    is_coming = delay(is_complete_q, COMING_CYCLES - 1, f"{name}_is_coming", inputs.clear)
    exponents[inputs.head] <<= pyrtl.MemBlock.EnabledWrite(exponent, is_coming)
    drive(exponent_q, (is_coming, exponent))
    drive(rescaling_q, (is_coming, rescaling))
    reader = delay(exponents[inputs.reader_head], FETCH_CYCLES, f"{name}_reader")
    return RunningMaximumOutputs(is_coming, exponent_q, rescaling_q, reader)
