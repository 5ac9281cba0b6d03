"""Text form of what instructions of attention have in place of plain fields.

Source: docs/accelerator.md, section 8. SCORES and CONTEXT name a `group` in place of target and
source, SCORES a `tap_distance` in place of gate_shift and hidden_shift; options stand by their
names in place of `reserved`, those of one bit as a word alone:

    SCORES slot=1 rows=3 group=1 tap_distance=2 shift=20 multiplier=9 last_lane=3 fresh tap
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.instruction import (
    FIELD_BITS,
    OPTIONS,
    Instruction,
    Opcode,
    join_options,
    split_group,
    split_tap_distance,
)

OPTION_BITS = dict(OPTIONS)
WORDS = {
    "is_fresh": "fresh",
    "is_final": "final",
    "is_tapped": "tap",
    "decides": "decides",
    "is_unweighted": "unweighted",
}
"""What is written for an option of one bit."""

OPCODE_OPTIONS: Mapping[int, tuple[str, ...]] = {
    Opcode.STORE_VALUE: ("lane",),
    Opcode.SCORES: tuple(OPTION_BITS),
    Opcode.CONTEXT: ("is_fresh", "is_final"),
    Opcode.PICK: ("is_fresh", "is_final"),
}

_Split = Callable[[int], dict[str, int]]
_GROUP: tuple[str, _Split] = ("group", split_group)
_TAP_DISTANCE: tuple[str, _Split] = ("tap_distance", split_tap_distance)
_JOINED: Mapping[int, tuple[tuple[str, _Split], ...]] = {
    Opcode.SCORES: (_GROUP, _TAP_DISTANCE),
    Opcode.CONTEXT: (_GROUP,),
}
"""Numbers that lie in two fields, by opcode, and what gives the fields."""


def list_joined(opcode: int) -> dict[str, str]:
    """For each field that is written with another one: the name of both; the second has ''.

    >>> list_joined(Opcode.CONTEXT)
    {'target': 'group', 'source': ''}
    """
    names: dict[str, str] = {}
    for name, split in _JOINED.get(opcode, ()):
        first, second = split(0)
        names |= {first: name, second: ""}
    return names


def split_joined(opcode: int, name: str, number: int) -> dict[str, int]:
    """The fields of a number that lies in two of them.

    Raises:
        ArgumentError: it does not fit.
    """
    split = dict(_JOINED[opcode])[name]
    bits = sum(FIELD_BITS[field] for field in split(0))
    if not 0 <= number < 1 << bits:
        raise ArgumentError(name, number, f"from 0 to {(1 << bits) - 1}")
    return split(number)


def format_options(instruction: Instruction) -> list[str]:
    """The options of an instruction, and what else is in `reserved`."""
    parts, named = [], {}
    for name in OPCODE_OPTIONS.get(instruction.opcode, ()):
        value = named[name] = instruction.options[name]
        if value:
            parts.append(WORDS.get(name) or f"{name}={value}")
    rest = instruction.reserved & ~join_options(**named)
    return [*parts, *([f"reserved={rest}"] if rest else [])]


def find_option(opcode: int, name: str) -> str | None:
    """The option of an opcode that is written by a word or name; None = it is none."""
    for option in OPCODE_OPTIONS.get(opcode, ()):
        if WORDS.get(option, option) == name:
            return option
    return None


def join_written(reserved: int | None, options: Mapping[str, int]) -> int:
    """`reserved` of a number and options that were written.

    Raises:
        ArgumentError: an option does not fit, or is written in both.
    """
    full = {name: (1 << OPTION_BITS[name]) - 1 for name in options}
    if (reserved or 0) & join_options(**full):
        raise ArgumentError("field", "reserved", "without options that are written by name")
    return (reserved or 0) | join_options(**options)
