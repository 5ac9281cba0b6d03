"""What is wrong with an instruction, found before it is dispatched.

Source: docs/accelerator.md, section 5. Combinational: the form of the instruction, which the
dispatcher keeps in registers beside it, against the state of the run, which does not change while
an instruction waits. The lowest code of all that apply is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import pyrtl

from fastcar.rtl.instruction_form import split_form

ERROR_CODE_BITS = 4


class ErrorCode(IntEnum):
    """The sticky error of the accelerator."""

    NONE = 0
    OPCODE = 1
    """Unknown, or the source of decisions that BEGIN did not choose."""
    PREDICATE = 2
    """Unknown, or not `always` for the dispatcher or for what decides."""
    SLOT = 3
    """Not below the number of slots that BEGIN gave."""
    LENGTH = 4
    """`rows` or `columns` is 0 or larger than a buffer; for BEGIN, than the slots there are."""
    RESERVED = 5
    """A reserved bit is 1."""
    BUFFER = 6
    """No such buffer, or one that the same instruction uses otherwise."""
    MEMORY_READ = 7
    """A response carried an error."""
    MEMORY_WRITE = 8
    """An acknowledgement carried an error."""
    DECIDED_TWICE = 9
    """The slot has a decision, or one on its way."""
    NEVER_DECIDED = 10
    """The slot waits for a decision that nothing on its way can bring."""
    ORDER = 11
    """What the instruction goes on from is not there: a sum, a norm or a token (section 8)."""


@dataclass(frozen=True)
class CheckInputs:
    """What an instruction is checked against.

    Attributes:
        form: of the instruction, as `make_form` gives it.
        is_open: 1 bit; the run has the slot, which it has not before the first BEGIN.
        is_distance: 1 bit; distances decide in this run, otherwise scores.
        is_claimed: 1 bit; something that decides the slot was dispatched in this run.
    """

    form: pyrtl.WireVector
    is_open: pyrtl.WireVector
    is_distance: pyrtl.WireVector
    is_claimed: pyrtl.WireVector


@dataclass(frozen=True)
class InstructionVerdict:
    """Nothing is wrong where both are 1; lengths, which come last, are told apart to save time.

    Attributes:
        is_fitting: 1 bit; no length is wrong.
        is_admitted: 1 bit; nothing else is.
    """

    is_fitting: pyrtl.WireVector
    is_admitted: pyrtl.WireVector


def make_instruction_check(inputs: CheckInputs) -> tuple[InstructionVerdict, pyrtl.WireVector]:
    """Build the check in the working block.

    Returns:
        The verdict; 4 bits, an `ErrorCode`, which comes later in the cycle.
    """
    form = split_form(inputs.form)
    is_other_source = pyrtl.select(inputs.is_distance, form.is_score, form.is_distance)
    is_bad_slot = form.has_slot & ~inputs.is_open
    is_decided_twice = form.is_deciding & inputs.is_claimed
    is_bad_length = pyrtl.rtl_any(
        form.is_empty,
        form.is_many_slots,
        form.is_long_target,
        form.is_long_result,
        form.is_long_source,
        form.is_long_vector,
        form.is_bad_width,
    )
    faults = (
        (ErrorCode.OPCODE, form.is_unknown | is_other_source),
        (ErrorCode.PREDICATE, form.is_bad_predicate),
        (ErrorCode.SLOT, is_bad_slot),
        (ErrorCode.LENGTH, is_bad_length),
        (ErrorCode.RESERVED, form.is_reserved),
        (ErrorCode.BUFFER, form.is_bad_buffer),
        (ErrorCode.DECIDED_TWICE, is_decided_twice),
    )
    code = pyrtl.Const(ErrorCode.NONE, ERROR_CODE_BITS)
    for fault_code, is_fault in reversed(faults):
        code = pyrtl.select(is_fault, pyrtl.Const(fault_code, ERROR_CODE_BITS), code)
    others = [is_fault for fault_code, is_fault in faults if fault_code is not ErrorCode.LENGTH]
    return InstructionVerdict(~is_bad_length, ~pyrtl.rtl_any(*others)), code
