"""Sections of slots: the next one of a slot waits until the one before has ended (D-47).

A section is what is dispatched for a slot up to and with an instruction that is `is_last`. From
then on the slot is closed, until the core has ended it and its record is taken.

Contract: a record that is taken in cycle t opens its slot for what is looked at from cycle
t + OPEN_CYCLES on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import pyrtl

from fastcar.rtl.assertions import require
from fastcar.rtl.circuits import mark_slot, read_slot
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.registers import delay, drive, latch, make_register

OPEN_CYCLES = 2
"""The record in a register, the slot's mark."""


@dataclass(frozen=True)
class SectionEnd:
    """A record that is taken: valid (1 bit), in one cycle, and slot (5 bits)."""

    valid: pyrtl.WireVector
    slot: pyrtl.WireVector


@dataclass(frozen=True)
class SectionLockInputs:
    """Wires into the unit.

    Attributes:
        reset: 1 bit.
        ends: of every core.
        is_closing: 1 bit; the last instruction of a section is dispatched.
        slot: 5 bits, of the instruction that is looked at.
        accepted_slot: 5 bits, of the instruction at the port.
    """

    reset: pyrtl.WireVector
    ends: Sequence[SectionEnd]
    is_closing: pyrtl.WireVector
    slot: pyrtl.WireVector
    accepted_slot: pyrtl.WireVector


def make_section_lock(
    config: AcceleratorConfig, name: str, inputs: SectionLockInputs
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """Build the marks.

    Returns:
        1 bit each, as the marks show from the next cycle on: the slot at the port is closed; the
        slot that is looked at is.
    """
    # State.
    closed_q = make_register(config.num_slots, f"{name}_closed")

    # Datapath.
    marks = []
    for core, end in enumerate(inputs.ends):
        valid = delay(end.valid, 1, f"{name}_end{core}_valid", inputs.reset)
        marks.append(mark_slot(config, valid, latch(end.slot, f"{name}_end{core}_slot")))
    opened = reduce(or_, marks)
    kept = closed_q & ~opened
    closing = mark_slot(config, inputs.is_closing, inputs.slot)
    is_own = inputs.is_closing & (inputs.accepted_slot == inputs.slot)
    is_accepted_closed = read_slot(kept, inputs.accepted_slot) | is_own

    # Control.
    drive(closed_q, (pyrtl.Const(1, 1), kept | closing), clear=inputs.reset)

    # Assertions.
    require(inputs.reset | ((opened & ~closed_q) == 0), "a section ends that has been dispatched")
    require(inputs.reset | ((closing & closed_q) == 0), "a slot has one section under way")
    return is_accepted_closed, read_slot(kept, inputs.slot)
