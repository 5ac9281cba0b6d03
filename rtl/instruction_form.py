"""The form of an instruction: what it says on its own, decoded once, when it is accepted.

Source: docs/accelerator.md, sections 2 and 5. Combinational; the dispatcher keeps the form in
registers beside the instruction, so that opcode, predicate and lengths are not decoded again where
time is short (D-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields

import pyrtl

from fastcar.rtl.circuits import select_value
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import (
    FIELD_BITS,
    OPTIONS,
    Buffer,
    Opcode,
    Predicate,
    get_buffer_words,
    list_opcodes,
    split_options,
)

DISPATCHER_OPCODES = (Opcode.BEGIN, Opcode.THRESHOLD, Opcode.DECIDE, Opcode.END)
DECIDING_OPCODES = (Opcode.DECIDE, Opcode.SCORE, Opcode.DISTANCE)
PRODUCT_OPCODES = (Opcode.GEMV, Opcode.GEMV_SILU)
TARGET_OPCODES = (Opcode.LOAD, *PRODUCT_OPCODES)
SOURCE_OPCODES = (Opcode.STORE, *PRODUCT_OPCODES)
_VECTOR_BUFFERS = (Buffer.X, Buffer.N, Buffer.Y, Buffer.K, Buffer.P)
"""Of NORM, ADD and DISTANCE."""

ATTENTION_OPCODES = tuple(one for one in Opcode if one.is_for_attention)
BLOCK_OPCODES = (Opcode.SCORES, Opcode.CONTEXT)
STORE_BYTE_OPCODES = (Opcode.STORE_KEY, Opcode.STORE_VALUE)
_SEQUENCE_OPTIONS = ("is_fresh", "is_final")
OPTIONS_OF: Mapping[Opcode, tuple[str, ...]] = {
    Opcode.STORE_VALUE: ("lane",),
    Opcode.SCORES: tuple(name for name, _ in OPTIONS),
    Opcode.CONTEXT: _SEQUENCE_OPTIONS,
    Opcode.PICK: _SEQUENCE_OPTIONS,
}
"""What `reserved` may hold, by opcode; nothing for the others."""


@dataclass(frozen=True)
class Form:
    """What the instruction alone says, each 1 bit; in this order from bit 0 up.

    Attributes:
        is_unknown: no such opcode.
        is_begin: BEGIN.
        is_threshold: THRESHOLD.
        is_decide: DECIDE.
        is_end: END.
        is_score: SCORE.
        is_distance: DISTANCE.
        is_always: the predicate is `always`.
        is_if_compute: the predicate is `if-compute`.
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
    is_begin: pyrtl.WireVector
    is_threshold: pyrtl.WireVector
    is_decide: pyrtl.WireVector
    is_end: pyrtl.WireVector
    is_score: pyrtl.WireVector
    is_distance: pyrtl.WireVector
    is_always: pyrtl.WireVector
    is_if_compute: pyrtl.WireVector
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


def is_opcode(opcode: pyrtl.WireVector, wanted: Sequence[Opcode]) -> pyrtl.WireVector:
    """1 where the opcode is one of `wanted`."""
    return pyrtl.rtl_any(*(opcode == int(one) for one in wanted))


def make_form(
    config: AcceleratorConfig, fields: Mapping[str, pyrtl.WireVector]
) -> pyrtl.WireVector:
    """The form of an instruction, FORM_BITS wide.

    Each bit is a short path from the instruction.
    """
    opcode, predicate = fields["opcode"], fields["predicate"]
    form = Form(
        is_unknown=~is_opcode(opcode, list_opcodes(config)),
        is_begin=opcode == int(Opcode.BEGIN),
        is_threshold=opcode == int(Opcode.THRESHOLD),
        is_decide=opcode == int(Opcode.DECIDE),
        is_end=opcode == int(Opcode.END),
        is_score=_is_score(config, fields),
        is_distance=opcode == int(Opcode.DISTANCE),
        is_always=predicate == int(Predicate.ALWAYS),
        is_if_compute=predicate == int(Predicate.IF_COMPUTE),
        is_bad_predicate=_is_bad_predicate(config, fields),
        **_find_bad_lengths(config, fields),
        is_bad_width=_is_bad_width(config, fields),
        is_reserved=_is_reserved(config, fields),
        is_bad_buffer=_is_bad_buffer(config, fields),
        has_slot=_has_slot(fields),
        is_deciding=_is_deciding(config, fields),
        is_for_core=opcode >= int(Opcode.LOAD),
    )
    return pyrtl.concat_list([getattr(form, member.name) for member in dataclass_fields(Form)])


def split_form(form: pyrtl.WireVector) -> Form:
    """The bits of a form by name."""
    return Form(*(form[place] for place in range(FORM_BITS)))


def _is_bad_predicate(
    config: AcceleratorConfig, fields: Mapping[str, pyrtl.WireVector]
) -> pyrtl.WireVector:
    opcode, predicate = fields["opcode"], fields["predicate"]
    must_be_always = is_opcode(opcode, DISPATCHER_OPCODES) | is_opcode(opcode, DECIDING_OPCODES)
    if config.attention is not None:
        must_be_always = must_be_always | is_opcode(opcode, ATTENTION_OPCODES)
    return (predicate > max(Predicate)) | must_be_always & (predicate != int(Predicate.ALWAYS))


def _has_slot(fields: Mapping[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    opcode = fields["opcode"]
    return (opcode >= int(Opcode.LOAD)) | (opcode == int(Opcode.DECIDE))


def _is_score(
    config: AcceleratorConfig, fields: Mapping[str, pyrtl.WireVector]
) -> pyrtl.WireVector:
    """SCORE, or the SCORES that decides."""
    is_score = fields["opcode"] == int(Opcode.SCORE)
    return is_score if config.attention is None else is_score | _decides(fields)


def _is_deciding(
    config: AcceleratorConfig, fields: Mapping[str, pyrtl.WireVector]
) -> pyrtl.WireVector:
    is_deciding = is_opcode(fields["opcode"], DECIDING_OPCODES)
    return is_deciding if config.attention is None else is_deciding | _decides(fields)


def _decides(fields: Mapping[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    is_scores = fields["opcode"] == int(Opcode.SCORES)
    return is_scores & split_options(fields["reserved"])["decides"]


def _is_reserved(
    config: AcceleratorConfig, fields: Mapping[str, pyrtl.WireVector]
) -> pyrtl.WireVector:
    """A bit is 1 that the opcode does not have."""
    reserved, opcode = fields["reserved"], fields["opcode"]
    if config.attention is None:
        return reserved != 0
    flags = [pyrtl.or_all_bits(reserved[sum(bits for _, bits in OPTIONS) :])]
    for name, option in split_options(reserved).items():
        owners = [one for one, names in OPTIONS_OF.items() if name in names]
        flags.append(pyrtl.or_all_bits(option) & ~is_opcode(opcode, owners))
    return pyrtl.rtl_any(*flags)


def _is_bad_width(
    config: AcceleratorConfig, fields: Mapping[str, pyrtl.WireVector]
) -> pyrtl.WireVector:
    columns = fields["columns"]
    is_empty = columns == 0
    is_outside = is_empty | _exceeds(config, columns, fields["source"])
    is_bad = is_opcode(fields["opcode"], PRODUCT_OPCODES) & is_outside
    if config.attention is None:
        return is_bad
    is_long_pick = is_empty | (columns > get_buffer_words(config, Buffer.N))
    is_past = columns >= config.attention.score_words
    return pyrtl.rtl_any(
        is_bad,
        (fields["opcode"] == int(Opcode.PICK)) & is_long_pick,
        is_opcode(fields["opcode"], BLOCK_OPCODES) & is_past,
    )


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
    vectors = [
        ((Opcode.NORM, Opcode.ADD, Opcode.DISTANCE), exceeds(*_VECTOR_BUFFERS)),
        ((Opcode.SCORE,), exceeds(Buffer.H, Buffer.K)),
    ]
    results = [
        ((Opcode.GEMV,), exceeds(Buffer.P)),
        ((Opcode.GEMV_SILU,), exceeds(Buffer.P, Buffer.G)),
    ]
    targets: tuple[Opcode, ...] = TARGET_OPCODES
    sources: tuple[Opcode, ...] = (Opcode.STORE,)
    if config.attention is not None:
        vectors.append((BLOCK_OPCODES, rows > config.attention.max_blocks))
        results += [
            ((Opcode.ROPE,), exceeds(Buffer.G)),
            ((Opcode.PICK,), exceeds(Buffer.P, Buffer.G)),
        ]
        targets = (*targets, Opcode.EMBED, Opcode.ROPE)
        sources = (*sources, *STORE_BYTE_OPCODES)
    is_target, is_source = is_opcode(opcode, targets), is_opcode(opcode, sources)
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


def _is_bad_buffer(
    config: AcceleratorConfig, fields: Mapping[str, pyrtl.WireVector]
) -> pyrtl.WireVector:
    opcode, target, source = fields["opcode"], fields["target"], fields["source"]
    is_unknown = is_opcode(opcode, TARGET_OPCODES) & (target > max(Buffer)) | is_opcode(
        opcode, SOURCE_OPCODES
    ) & (source > max(Buffer))
    is_shared = (target == source) | (target == int(Buffer.P)) | (source == int(Buffer.P))
    is_gate_used = (opcode == int(Opcode.GEMV_SILU)) & (source == int(Buffer.G))
    is_bad = is_unknown | is_opcode(opcode, PRODUCT_OPCODES) & is_shared | is_gate_used
    if config.attention is None:
        return is_bad
    is_turned = (target == int(Buffer.G)) | (target == int(Buffer.P)) | (target > max(Buffer))
    is_bad_group = pyrtl.concat(target, source) >= config.attention.group_size
    return pyrtl.rtl_any(
        is_bad,
        (opcode == int(Opcode.EMBED)) & (target > max(Buffer)),
        (opcode == int(Opcode.ROPE)) & is_turned,
        is_opcode(opcode, STORE_BYTE_OPCODES) & (source > max(Buffer)),
        is_opcode(opcode, BLOCK_OPCODES) & is_bad_group,
    )
