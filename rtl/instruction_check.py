"""What is wrong with an instruction, found before it is dispatched.

Source: docs/accelerator.md, section 5. Combinational, in two steps: what the instruction alone
says, which the dispatcher keeps in registers beside it, and what the state of the run adds, which
does not change while an instruction waits. The lowest code of all that apply is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from enum import IntEnum

import pyrtl

from rtl.circuits import select_value
from rtl.config import AcceleratorConfig
from rtl.instruction import FIELD_BITS, Buffer, Opcode, Predicate, get_buffer_words

ERROR_CODE_BITS = 4

DISPATCHER_OPCODES = (Opcode.BEGIN, Opcode.THRESHOLD, Opcode.DECIDE, Opcode.END)
DECIDING_OPCODES = (Opcode.DECIDE, Opcode.SCORE, Opcode.DISTANCE)
PRODUCT_OPCODES = (Opcode.GEMV, Opcode.GEMV_SILU)
TARGET_OPCODES = (Opcode.LOAD, *PRODUCT_OPCODES)
SOURCE_OPCODES = (Opcode.STORE, *PRODUCT_OPCODES)
_VECTOR_BUFFERS = (Buffer.X, Buffer.N, Buffer.Y, Buffer.K, Buffer.P)
"""Of NORM, ADD and DISTANCE."""


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


@dataclass(frozen=True)
class Form:
    """What the instruction alone says, each 1 bit; in this order from bit 0 up.

    Attributes:
        is_unknown: no such opcode.
        is_score: SCORE.
        is_distance: DISTANCE.
        is_bad_predicate: see `ErrorCode.PREDICATE`.
        is_empty: `rows` is 0, but counts; this and the next six are `ErrorCode.LENGTH`.
        is_many_slots: `rows` of BEGIN is too large.
        is_long_target: `rows` is too large for the target of LOAD or a product.
        is_long_result: `rows` is too large for the parameters or gates of a product.
        is_long_source: `rows` is too large for the source of STORE.
        is_long_vector: `rows` is too large for the buffers that the opcode itself names.
        is_bad_width: `columns` of a product is 0 or too large for its source.
        is_reserved: see `ErrorCode.RESERVED`.
        is_bad_buffer: see `ErrorCode.BUFFER`.
        has_slot: the slot counts.
        is_deciding: it decides a slot.
        is_for_core: a core executes it.
    """

    is_unknown: pyrtl.WireVector
    is_score: pyrtl.WireVector
    is_distance: pyrtl.WireVector
    is_bad_predicate: pyrtl.WireVector
    is_empty: pyrtl.WireVector
    is_many_slots: pyrtl.WireVector
    is_long_target: pyrtl.WireVector
    is_long_result: pyrtl.WireVector
    is_long_source: pyrtl.WireVector
    is_long_vector: pyrtl.WireVector
    is_bad_width: pyrtl.WireVector
    is_reserved: pyrtl.WireVector
    is_bad_buffer: pyrtl.WireVector
    has_slot: pyrtl.WireVector
    is_deciding: pyrtl.WireVector
    is_for_core: pyrtl.WireVector


FORM_BITS = len(dataclass_fields(Form))
"""Width of the form of an instruction."""


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


def is_opcode(opcode: pyrtl.WireVector, wanted: Sequence[Opcode]) -> pyrtl.WireVector:
    """1 where the opcode is one of `wanted`."""
    return pyrtl.rtl_any(*(opcode == int(one) for one in wanted))


def make_form(
    config: AcceleratorConfig, fields: Mapping[str, pyrtl.WireVector]
) -> pyrtl.WireVector:
    """The form of an instruction, FORM_BITS wide.

    Each bit is a short path from the instruction.
    """
    opcode = fields["opcode"]
    form = Form(
        is_unknown=~is_opcode(opcode, tuple(Opcode)),
        is_bad_predicate=_is_bad_predicate(fields),
        **_find_bad_lengths(config, fields),
        is_bad_width=_is_bad_width(config, fields),
        is_reserved=fields["reserved"] != 0,
        is_bad_buffer=_is_bad_buffer(fields),
        is_score=opcode == int(Opcode.SCORE),
        is_distance=opcode == int(Opcode.DISTANCE),
        has_slot=_has_slot(fields),
        is_deciding=_is_deciding(fields),
        is_for_core=opcode >= int(Opcode.LOAD),
    )
    return pyrtl.concat_list([getattr(form, member.name) for member in dataclass_fields(Form)])


def split_form(form: pyrtl.WireVector) -> Form:
    """The bits of a form by name."""
    return Form(*(form[place] for place in range(FORM_BITS)))


def make_instruction_check(inputs: CheckInputs) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """Build the check in the working block.

    Returns:
        1 bit, nothing is wrong; 4 bits, an `ErrorCode`, which comes later in the cycle.
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
    return ~pyrtl.rtl_any(*(is_fault for _, is_fault in faults)), code


def _is_bad_predicate(fields: Mapping[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    predicate = fields["predicate"]
    must_be_always = is_opcode(fields["opcode"], DISPATCHER_OPCODES) | _is_deciding(fields)
    return (predicate > max(Predicate)) | must_be_always & (predicate != int(Predicate.ALWAYS))


def _has_slot(fields: Mapping[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    opcode = fields["opcode"]
    return (opcode >= int(Opcode.LOAD)) | (opcode == int(Opcode.DECIDE))


def _is_deciding(fields: Mapping[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    return is_opcode(fields["opcode"], DECIDING_OPCODES)


def _is_bad_width(
    config: AcceleratorConfig, fields: Mapping[str, pyrtl.WireVector]
) -> pyrtl.WireVector:
    columns = fields["columns"]
    is_outside = (columns == 0) | _exceeds(config, columns, fields["source"])
    return is_opcode(fields["opcode"], PRODUCT_OPCODES) & is_outside


def _find_bad_lengths(
    config: AcceleratorConfig, fields: Mapping[str, pyrtl.WireVector]
) -> dict[str, pyrtl.WireVector]:
    """The flags of the form that `rows` sets.

    Lengths are compared with constants before the opcode chooses: that is faster.
    """
    opcode, rows = fields["opcode"], fields["rows"]

    def exceeds(*buffers: Buffer) -> pyrtl.WireVector:
        return rows > min(get_buffer_words(config, buffer) for buffer in buffers)

    has_rows = (opcode >= int(Opcode.LOAD)) | (opcode == int(Opcode.BEGIN))
    vectors = (
        ((Opcode.NORM, Opcode.ADD, Opcode.DISTANCE), exceeds(*_VECTOR_BUFFERS)),
        ((Opcode.SCORE,), exceeds(Buffer.H, Buffer.K)),
    )
    results = (
        ((Opcode.GEMV,), exceeds(Buffer.P)),
        ((Opcode.GEMV_SILU,), exceeds(Buffer.P, Buffer.G)),
    )
    is_target, is_source = is_opcode(opcode, TARGET_OPCODES), opcode == int(Opcode.STORE)
    return {
        "is_empty": has_rows & (rows == 0),
        "is_many_slots": (opcode == int(Opcode.BEGIN)) & (rows > config.num_slots),
        "is_long_target": is_target & _exceeds(config, rows, fields["target"]),
        "is_long_result": _choose(opcode, results),
        "is_long_source": is_source & _exceeds(config, rows, fields["source"]),
        "is_long_vector": _choose(opcode, vectors),
    }


def _choose(
    opcode: pyrtl.WireVector, flags: Sequence[tuple[Sequence[Opcode], pyrtl.WireVector]]
) -> pyrtl.WireVector:
    """1 where the flag of the opcode is 1."""
    return pyrtl.rtl_any(*(is_opcode(opcode, opcodes) & flag for opcodes, flag in flags))


def _exceeds(
    config: AcceleratorConfig, length: pyrtl.WireVector, buffer: pyrtl.WireVector
) -> pyrtl.WireVector:
    """1 where a length is larger than a buffer; 0 for one that does not exist: another error."""
    capacities = {int(one): get_buffer_words(config, one) for one in Buffer}
    flags = [
        length > capacities[number] if number in capacities else pyrtl.Const(0, 1)
        for number in range(1 << FIELD_BITS["target"])
    ]
    return select_value(flags, buffer)


def _is_bad_buffer(fields: Mapping[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    opcode, target, source = fields["opcode"], fields["target"], fields["source"]
    is_unknown = is_opcode(opcode, TARGET_OPCODES) & (target > max(Buffer)) | is_opcode(
        opcode, SOURCE_OPCODES
    ) & (source > max(Buffer))
    is_shared = (target == source) | (target == int(Buffer.P)) | (source == int(Buffer.P))
    is_gate_used = (opcode == int(Opcode.GEMV_SILU)) & (source == int(Buffer.G))
    return is_unknown | is_opcode(opcode, PRODUCT_OPCODES) & is_shared | is_gate_used
