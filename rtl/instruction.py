"""The 128 bits of an instruction, written once for compiler, simulator and hardware.

Source: docs/accelerator.md, section 2. `FIELDS` alone says where the bits are: `encode` and
`decode` work on Python integers, `split` on wires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import pyrtl

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import AcceleratorConfig

INSTRUCTION_BITS = 128

FIELDS: tuple[tuple[str, int], ...] = (
    ("opcode", 5),
    ("predicate", 2),
    ("slot", 5),
    ("target", 3),
    ("source", 3),
    ("rows", 12),
    ("columns", 12),
    ("shift", 6),
    ("gate_shift", 2),
    ("hidden_shift", 6),
    ("multiplier", 16),
    ("address", 32),
    ("is_last", 1),
    ("reserved", 23),
)
"""Name and width of every field, from bit 0 upwards."""

FIELD_BITS = dict(FIELDS)

VALUE_BITS = FIELD_BITS["multiplier"] + FIELD_BITS["address"]
"""Width of the value of NORM and THRESHOLD (= 48)."""

STATIC_BIT, DISTANCE_BIT, FLOW_BIT = 0, 1, 2
"""Bits of `shift` in BEGIN; the last one counts with attention alone."""

NARROW_BIT = 0
"""Bit of `gate_shift` in GEMV and ROPE, with attention: results are limited to int8."""

OPTIONS: tuple[tuple[str, int], ...] = (
    ("first_lane", 5),
    ("last_lane", 5),
    ("lane", 5),
    ("is_fresh", 1),
    ("is_final", 1),
    ("is_tapped", 1),
    ("decides", 1),
    ("is_unweighted", 1),
)
"""Name and width of what `reserved` holds for the opcodes of attention, from its bit 0 upwards."""


class Opcode(IntEnum):
    """What an instruction does; below 8 the dispatcher executes it, from 8 on a core."""

    BEGIN = 1
    THRESHOLD = 2
    DECIDE = 3
    END = 4
    LOAD = 8
    STORE = 9
    NORM = 10
    GEMV = 11
    GEMV_SILU = 12
    ADD = 13
    SCORE = 14
    DISTANCE = 15
    EMBED = 16
    ROPE = 17
    STORE_KEY = 18
    STORE_VALUE = 19
    SCORES = 20
    CONTEXT = 21
    PICK = 22

    @property
    def is_for_core(self) -> bool:
        """Whether a core executes it."""
        return self >= Opcode.LOAD

    @property
    def is_for_attention(self) -> bool:
        """Whether only an accelerator with an attention phase has it."""
        return self >= Opcode.EMBED


def list_opcodes(config: AcceleratorConfig) -> tuple[Opcode, ...]:
    """The opcodes that an accelerator has."""
    has_attention = config.attention is not None
    return tuple(one for one in Opcode if has_attention or not one.is_for_attention)


class Predicate(IntEnum):
    """For which decisions of its slot an instruction is executed."""

    ALWAYS = 0
    IF_COMPUTE = 1
    IF_REPLAY = 2


class Buffer(IntEnum):
    """Buffers of a core, each a memory of words."""

    X = 0
    N = 1
    G = 2
    H = 3
    Y = 4
    P = 5
    K = 6


def get_buffer_words(config: AcceleratorConfig, buffer: Buffer) -> int:
    """Capacity of a buffer in words.

    >>> from fastcar.rtl.config import TINY
    >>> get_buffer_words(TINY, Buffer.X), get_buffer_words(TINY, Buffer.H)
    (2, 3)
    """
    hidden, inner, query = config.hidden_words, config.intermediate_words, config.query_words
    key = config.key_words
    # With attention G holds queries and keys before ROPE, then the context; Y values.
    rotated = 0 if config.attention is None else query
    return {
        Buffer.X: hidden,
        Buffer.N: hidden,
        Buffer.G: max(inner, rotated),
        Buffer.H: max(inner, query),
        Buffer.Y: max(hidden, key),
        Buffer.P: max(hidden, inner, rotated),
        Buffer.K: max(hidden, query),
    }[buffer]


@dataclass(frozen=True)
class Instruction:
    """One decoded instruction; fields as in `FIELDS`, any bit pattern allowed, also an illegal one.

    NORM and THRESHOLD read `value`.
    """

    opcode: int
    predicate: int = Predicate.ALWAYS
    slot: int = 0
    target: int = 0
    source: int = 0
    rows: int = 0
    columns: int = 0
    shift: int = 0
    gate_shift: int = 0
    hidden_shift: int = 0
    multiplier: int = 0
    address: int = 0
    is_last: int = 0
    reserved: int = 0

    @property
    def value(self) -> int:
        """The unsigned 48-bit value of NORM and THRESHOLD: multiplier, address."""
        return self.multiplier << FIELD_BITS["address"] | self.address

    @property
    def group(self) -> int:
        """SCORES and CONTEXT: which query heads, one of each key head, of 64 at most."""
        return self.target << FIELD_BITS["source"] | self.source

    @property
    def tap_distance(self) -> int:
        """SCORES: blocks from the last one back to that of the aligned key."""
        return self.gate_shift << FIELD_BITS["hidden_shift"] | self.hidden_shift

    @property
    def options(self) -> dict[str, int]:
        """What `reserved` holds by the names of `OPTIONS`."""
        values, rest = {}, self.reserved
        for name, num_bits in OPTIONS:
            values[name] = rest & ((1 << num_bits) - 1)
            rest >>= num_bits
        return values

    @property
    def flows(self) -> bool:
        """Whether BEGIN, and the THRESHOLD behind it, wait for decisions instead of idle cores."""
        return bool(self.shift >> FLOW_BIT & 1)

    @property
    def is_static(self) -> bool:
        """Whether BEGIN chooses the static mapping."""
        return bool(self.shift >> STATIC_BIT & 1)


def split_value(value: int) -> dict[str, int]:
    """The fields that hold a value of NORM or THRESHOLD, a negative one as two's complement.

    >>> Instruction(Opcode.THRESHOLD, **split_value(-1)).value == 2**48 - 1
    True
    """
    unsigned, address_bits = value % (1 << VALUE_BITS), FIELD_BITS["address"]
    return {
        "multiplier": unsigned >> address_bits,
        "address": unsigned & ((1 << address_bits) - 1),
    }


def split_group(group: int) -> dict[str, int]:
    """The fields that hold the group of SCORES or CONTEXT.

    >>> Instruction(Opcode.CONTEXT, **split_group(13)).group
    13
    """
    source_bits = FIELD_BITS["source"]
    return {"target": group >> source_bits, "source": group & ((1 << source_bits) - 1)}


def split_tap_distance(blocks: int) -> dict[str, int]:
    """The fields that hold the distance of the aligned key.

    >>> Instruction(Opcode.SCORES, **split_tap_distance(200)).tap_distance
    200
    """
    low_bits = FIELD_BITS["hidden_shift"]
    return {"gate_shift": blocks >> low_bits, "hidden_shift": blocks & ((1 << low_bits) - 1)}


def join_options(**options: int) -> int:
    """`reserved` of an opcode of attention; what is not named is 0.

    Raises:
        ArgumentError: no such option, or it does not fit.

    >>> Instruction(Opcode.SCORES, reserved=join_options(last_lane=3, is_fresh=1)).options[
    ...     "last_lane"
    ... ]
    3
    """
    known = [name for name, _ in OPTIONS]
    for name in options:
        if name not in known:
            raise ArgumentError("option", name, f"one of {', '.join(known)}")
    word = position = 0
    for name, num_bits in OPTIONS:
        value = options.get(name, 0)
        if not 0 <= value < 1 << num_bits:
            raise ArgumentError(name, value, f"from 0 to {(1 << num_bits) - 1}")
        word |= int(value) << position
        position += num_bits
    return word


def encode(instruction: Instruction) -> int:
    """The 128 bits of an instruction.

    Raises:
        ArgumentError: a field does not fit.

    >>> hex(encode(Instruction(Opcode.LOAD, slot=3, rows=2)))
    '0x80188'
    """
    word = 0
    position = 0
    for name, num_bits in FIELDS:
        value = getattr(instruction, name)
        if not 0 <= value < 1 << num_bits:
            raise ArgumentError(name, value, f"from 0 to {(1 << num_bits) - 1}")
        word |= int(value) << position
        position += num_bits
    return word


def decode(word: int) -> Instruction:
    """The fields of 128 bits; the inverse of `encode`.

    >>> decode(0x80188).slot
    3
    """
    if not 0 <= word < 1 << INSTRUCTION_BITS:
        raise ArgumentError("word", word, f"an unsigned integer of {INSTRUCTION_BITS} bits")
    values: dict[str, int] = {}
    for name, num_bits in FIELDS:
        values[name] = word & ((1 << num_bits) - 1)
        word >>= num_bits
    return Instruction(**values)


def split(word: pyrtl.WireVector) -> dict[str, pyrtl.WireVector]:
    """The fields of an instruction on wires, by name; combinational, no logic.

    Args:
        word: 128 bits.
    """
    if len(word) != INSTRUCTION_BITS:
        raise ArgumentError("len(word)", len(word), f"{INSTRUCTION_BITS}")
    fields: dict[str, pyrtl.WireVector] = {}
    position = 0
    for name, num_bits in FIELDS:
        fields[name] = word[position : position + num_bits]
        position += num_bits
    return fields


def split_options(reserved: pyrtl.WireVector) -> dict[str, pyrtl.WireVector]:
    """The options of an opcode of attention on wires, by name."""
    options: dict[str, pyrtl.WireVector] = {}
    position = 0
    for name, num_bits in OPTIONS:
        options[name] = reserved[position : position + num_bits]
        position += num_bits
    return options


def join_value(fields: Mapping[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    """48 bits: the value of NORM and THRESHOLD among the fields that `split` gives."""
    return pyrtl.concat(fields["multiplier"], fields["address"])
