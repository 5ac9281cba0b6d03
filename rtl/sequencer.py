"""Sequencer of a core: executes the instructions of the queue one after the other.

Contract: an instruction runs from cycle `is_first_cycle` to cycle `is_finished`; the next one, if
it is queued, begins in the cycle after. While `is_dropping` is 1 nothing begins, and what runs is
forgotten as soon as no memory transfer is open.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import INSTRUCTION_BITS, Opcode, list_opcodes, split
from fastcar.rtl.registers import drive, latch, make_register

FEED_OPCODES = (Opcode.NORM, Opcode.ADD, Opcode.SCORE, Opcode.DISTANCE)
PRODUCT_OPCODES = (Opcode.GEMV, Opcode.GEMV_SILU, Opcode.PICK)
LOAD_OPCODES = (Opcode.LOAD, Opcode.EMBED)
BLOCK_OPCODES = (Opcode.SCORES, Opcode.CONTEXT)
READ_OPCODES = (*LOAD_OPCODES, *PRODUCT_OPCODES, *BLOCK_OPCODES)
DECISION_OPCODES = (Opcode.SCORE, Opcode.DISTANCE)
STORE_OPCODES = (Opcode.STORE, Opcode.STORE_KEY, Opcode.STORE_VALUE)

MARKS = "marks"
"""Beside the fields of an instruction: a bit for each number up to the largest opcode that the
accelerator has, of which the one with the opcode's number is 1."""


@dataclass(frozen=True)
class SequencerInputs:
    """Wires into the unit, each 1 bit but for the head of the queue.

    Attributes:
        reset: forgets everything.
        is_dropping: nothing may begin.
        head_valid: the queue has an instruction.
        head: 128 bits.
        is_done: the running instruction has its last effect in this cycle.
        is_transfer_open: a memory transfer is under way.
        is_retire_pending: a retire record waits to be taken.
    """

    reset: pyrtl.WireVector
    is_dropping: pyrtl.WireVector
    head_valid: pyrtl.WireVector
    head: pyrtl.WireVector
    is_done: pyrtl.WireVector
    is_transfer_open: pyrtl.WireVector
    is_retire_pending: pyrtl.WireVector


@dataclass(frozen=True)
class SequencerOutputs:
    """Wires out of the unit.

    Attributes:
        is_starting: 1 bit, the head is taken; it runs from the next cycle on.
        head: fields of the instruction that is taken, valid with is_starting; with `MARKS`.
        is_running: 1 bit.
        is_first_cycle: 1 bit, first cycle of the running instruction.
        is_finished: 1 bit, last cycle of the running instruction.
        instruction: 128 bits, the running instruction, or the last one.
        fields: its fields; with `MARKS`.
    """

    is_starting: pyrtl.WireVector
    head: dict[str, pyrtl.WireVector]
    is_running: pyrtl.WireVector
    is_first_cycle: pyrtl.WireVector
    is_finished: pyrtl.WireVector
    instruction: pyrtl.WireVector
    fields: dict[str, pyrtl.WireVector]


def make_sequencer(
    config: AcceleratorConfig, name: str, inputs: SequencerInputs
) -> SequencerOutputs:
    """Build the sequencer."""
    # State.
    is_running_q = make_register(1, f"{name}_is_running")
    instruction_q = make_register(INSTRUCTION_BITS, f"{name}_instruction")
    head, fields = split(inputs.head), split(instruction_q)
    head[MARKS] = _mark_opcode(config, head["opcode"])
    marks_q = make_register(len(head[MARKS]), f"{name}_{MARKS}")
    fields[MARKS] = marks_q

    # Datapath.
    is_finished = is_running_q & inputs.is_done & ~inputs.is_dropping
    # A slot ends only when the record of the slot before it has been taken.
    is_offered = inputs.head_valid & ~inputs.is_dropping
    can_begin = is_offered & ~(head["is_last"] & inputs.is_retire_pending)
    can_follow = can_begin & ~(head["is_last"] & fields["is_last"])
    # The end of an instruction comes late in the cycle: it chooses last.
    is_starting = pyrtl.select(is_running_q, inputs.is_done & can_follow, can_begin)
    is_dropped = inputs.is_dropping & ~inputs.is_transfer_open

    # Control.
    drive(
        is_running_q,
        (is_starting, 1),
        (is_finished | is_dropped, 0),
        clear=inputs.reset,
    )
    drive(instruction_q, (is_starting, inputs.head))
    drive(marks_q, (is_starting, head[MARKS]))
    is_first_cycle_q = latch(is_starting & ~inputs.reset, f"{name}_is_first_cycle")
    return SequencerOutputs(
        is_starting=is_starting,
        head=head,
        is_running=is_running_q,
        is_first_cycle=is_first_cycle_q,
        is_finished=is_finished,
        instruction=instruction_q,
        fields=fields,
    )


def is_one_of(fields: dict[str, pyrtl.WireVector], opcodes: tuple[Opcode, ...]) -> pyrtl.WireVector:
    """1 bit: the opcode is one of these; the fields are those of the sequencer.

    An opcode that the accelerator does not have is none of them.
    """
    known = [fields[MARKS][int(opcode)] for opcode in opcodes if has_opcode(fields, opcode)]
    return pyrtl.rtl_any(*known) if known else pyrtl.Const(0, 1)


def has_opcode(fields: dict[str, pyrtl.WireVector], opcode: Opcode) -> bool:
    """Whether the accelerator has the opcode; the fields are those of the sequencer."""
    return int(opcode) < len(fields[MARKS])


def _mark_opcode(config: AcceleratorConfig, opcode: pyrtl.WireVector) -> pyrtl.WireVector:
    """The marks of an opcode; those that no core executes have none."""
    numbers = range(1 + max(list_opcodes(config)))
    marks = [
        opcode == number if number >= int(Opcode.LOAD) else pyrtl.Const(0, 1) for number in numbers
    ]
    return pyrtl.concat_list(marks)
