"""What is known of the slot of the instruction that the dispatcher looks at, in registers.

Source: ours. The registers equal the entries of that slot in the arrays of scheduler and dispatcher
in every cycle in which an instruction is looked at: they are loaded with it, and a commit of the
same cycle reaches them and the arrays together; when BEGIN clears the arrays nothing is loaded. So
no decision is seen later, and no array stands between the instruction and its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyrtl

from fastcar.rtl.circuits import CORE_BITS, SLOT_BITS, read_slot, select_value
from fastcar.rtl.registers import drive, make_register


@dataclass(frozen=True)
class SlotView:
    """Registers of one slot, 1 bit where no width is given.

    Attributes:
        is_open: the run has the slot.
        is_claimed: something that decides it was dispatched.
        is_decided: its decision is committed; the next two count where it is.
        computes: the decision.
        mapped_core: 5 bits; counts where it computes.
        is_closed: a section of it was dispatched and has not ended; None without attention.
    """

    is_open: pyrtl.Register
    is_claimed: pyrtl.Register
    is_decided: pyrtl.Register
    computes: pyrtl.Register
    mapped_core: pyrtl.Register
    is_closed: pyrtl.Register | None = None


@dataclass(frozen=True)
class Commit:
    """A commit: valid (1 bit), slot (6 bits), computes (1 bit), core (5 bits)."""

    valid: pyrtl.WireVector
    slot: pyrtl.WireVector
    computes: pyrtl.WireVector
    core: pyrtl.WireVector


@dataclass(frozen=True)
class SlotArrays:
    """Registers of all slots, and what is committed to them in this cycle.

    Attributes:
        num_slots: 6 bits; slots of the run.
        claimed: B bits.
        index_valid: B bits.
        index: B bits.
        mappings: for each slot 5 bits.
        commit: see there.
    """

    num_slots: pyrtl.WireVector
    claimed: pyrtl.WireVector
    index_valid: pyrtl.WireVector
    index: pyrtl.WireVector
    mappings: Sequence[pyrtl.WireVector]
    commit: Commit


@dataclass(frozen=True)
class ViewEvents:
    """What the dispatcher does in this cycle.

    Attributes:
        is_free: 1 bit; an instruction is taken from the port, if one is there.
        is_claim: 1 bit; what decides `slot` is dispatched before another is taken.
        accepted_slot: 5 bits, of the instruction at the port.
        slot: 5 bits, of the instruction that is looked at.
    """

    is_free: pyrtl.WireVector
    is_claim: pyrtl.WireVector
    accepted_slot: pyrtl.WireVector
    slot: pyrtl.WireVector


def make_slot_view(has_sections: bool) -> SlotView:
    """The registers, to be driven by `drive_slot_view`; `is_closed` where there are sections."""
    names = ["is_open", "is_claimed", "is_decided", "computes"]
    if has_sections:
        names.append("is_closed")
    registers = {name: make_register(1, f"dispatcher_{name}") for name in names}
    return SlotView(**registers, mapped_core=make_register(CORE_BITS, "dispatcher_mapped_core"))


def drive_slot_view(
    view: SlotView, slots: SlotArrays, events: ViewEvents
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """Load the registers with an instruction, and let commits reach them.

    Returns:
        1 bit each: `is_open` and `is_claimed` of the slot of the instruction at the port.
    """
    slot = events.accepted_slot
    is_claimed = read_slot(slots.claimed, slot) | events.is_claim & (slot == events.slot)
    is_open = slot < slots.num_slots
    drive(view.is_open, (events.is_free, is_open))
    drive(view.is_claimed, (events.is_free, is_claimed))

    accepted, held = _look(slots, slot), _look(slots, events.slot)
    drive(view.is_decided, (events.is_free, accepted[0]), (pyrtl.Const(1, 1), held[0]))
    for register, late, early in zip(
        (view.computes, view.mapped_core), accepted[1:], held[1:], strict=True
    ):
        drive(register, (events.is_free, late), (pyrtl.Const(1, 1), early))
    return is_open, is_claimed


def _look(
    slots: SlotArrays, slot: pyrtl.WireVector
) -> tuple[pyrtl.WireVector, pyrtl.WireVector, pyrtl.WireVector]:
    """Is the slot decided, does it compute, where: as the arrays show from the next cycle on."""
    commit = slots.commit
    is_committed = commit.valid & (commit.slot[:SLOT_BITS] == slot)
    return (
        is_committed | read_slot(slots.index_valid, slot),
        pyrtl.select(is_committed, commit.computes, read_slot(slots.index, slot)),
        pyrtl.select(is_committed, commit.core, select_value(slots.mappings, slot)),
    )
