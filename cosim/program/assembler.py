"""Text form of programs: one instruction a line, every bit pattern has exactly one canonical line.

Source: docs/accelerator.md, section 2. A line is a mnemonic, perhaps a predicate, and fields:

    GEMV.if_compute slot=3 target=G source=N rows=22 columns=8 shift=30 address=4096  # gate

Fields that are not written are 0. Opcodes, predicates and buffers without a name are written as
numbers (OP17, .3, target=7), so a disassembly shows every instruction, also an illegal one: the
text says what the bits are, the accelerator what is wrong with them (section 5). NORM
and THRESHOLD take `value` in place of multiplier and address, THRESHOLD a signed one. Groups and
options of attention are those of `fastcar.cosim.program.attention_text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from fastcar.cosim.program.attention_text import (
    OPCODE_OPTIONS,
    OPTION_BITS,
    WORDS,
    find_option,
    format_options,
    join_written,
    list_joined,
    split_joined,
)
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.rtl.instruction import (
    FIELD_BITS,
    FIELDS,
    VALUE_BITS,
    Buffer,
    Instruction,
    Opcode,
    Predicate,
    decode,
    encode,
    split_value,
)

COMMENT = "#"
_BUFFER_FIELDS = ("target", "source")
_VALUE_FIELDS = ("multiplier", "address")
_VALUED_OPCODES = (Opcode.NORM, Opcode.THRESHOLD)
_NUMBERED_OPCODE = "OP"


class AssemblyError(FastCarError, ValueError):
    """A line of a program is not an instruction."""

    def __init__(self, line_number: int, reason: str) -> None:
        self.line_number = line_number
        super().__init__(f"line {line_number}: {reason}")


def assemble(text: str) -> list[int]:
    """The 128-bit words of a program; empty lines and comments from # on are skipped.

    Raises:
        AssemblyError: a line is no instruction; the text names the line, the part and the limit.

    >>> assemble("LOAD slot=3 rows=2  # X is buffer 0") == [0x80188]
    True
    """
    words = []
    for line_number, line in enumerate(text.splitlines(), start=1):
        parts = line.split(COMMENT, 1)[0].split()
        if not parts:
            continue
        try:
            words.append(encode(_parse_instruction(parts[0], parts[1:])))
        except ArgumentError as error:
            raise AssemblyError(line_number, str(error)) from error
    return words


def disassemble(words: Sequence[int]) -> str:
    r"""The canonical text of a program, one line each; the inverse of `assemble`.

    Raises:
        ArgumentError: a word is not an unsigned integer of 128 bits.

    >>> disassemble([0x80188])
    'LOAD slot=3 rows=2\n'
    """
    return "".join(format_instruction(decode(word)) + "\n" for word in words)


def format_instruction(instruction: Instruction) -> str:
    """The canonical line of one instruction, without its end."""
    parts = [_format_mnemonic(instruction)]
    is_valued = instruction.opcode in _VALUED_OPCODES
    joined = list_joined(instruction.opcode)
    for field, _ in FIELDS[2:-1]:
        name = joined.get(field, field)
        if not name or (is_valued and name in _VALUE_FIELDS):
            continue
        number = getattr(instruction, name)
        if number:
            parts.append(f"{name}={_format_number(name, number)}")
    parts += format_options(instruction)
    if is_valued and instruction.value:
        parts.append(f"value={_get_value(instruction)}")
    return " ".join(parts)


def _get_value(instruction: Instruction) -> int:
    """The 48-bit value as its opcode reads it: thresholds are signed."""
    is_negative = instruction.value >> (VALUE_BITS - 1)
    if instruction.opcode == Opcode.THRESHOLD and is_negative:
        return instruction.value - (1 << VALUE_BITS)
    return instruction.value


def _format_mnemonic(instruction: Instruction) -> str:
    opcode, predicate = instruction.opcode, instruction.predicate
    name = _get_name(Opcode, opcode) or f"{_NUMBERED_OPCODE}{opcode}"
    if predicate == Predicate.ALWAYS:
        return name
    return f"{name}.{(_get_name(Predicate, predicate) or str(predicate)).lower()}"


def _format_number(name: str, number: int) -> str:
    buffer = _get_name(Buffer, number) if name in _BUFFER_FIELDS else None
    return buffer or str(number)


def _get_name(kind: type[IntEnum], number: int) -> str | None:
    return next((member.name for member in kind if member == number), None)


def _parse_instruction(mnemonic: str, parts: Sequence[str]) -> Instruction:
    name, dot, predicate = mnemonic.partition(".")
    fields = {"opcode": _parse_opcode(name)}
    if dot:
        fields["predicate"] = _parse_member("predicate", Predicate, predicate)
    for part in parts:
        field, equals, text = part.partition("=")
        option = find_option(fields["opcode"], field)
        if option is not None:
            found = {option: _parse_option(option, field, equals, text)}
        else:
            found = _parse_field(fields["opcode"], field, text)
        for name, number in found.items():
            if name in fields:
                raise ArgumentError("field", field, "written once")
            fields[name] = number
    options = {name: fields.pop(name) for name in OPTION_BITS if name in fields}
    if options:
        fields["reserved"] = join_written(fields.get("reserved"), options)
    return Instruction(**fields)


def _parse_option(option: str, written: str, equals: str, text: str) -> int:
    if option not in WORDS:
        return _parse_number(written, text)
    if equals:
        raise ArgumentError(written, text, "a word alone")
    return 1


def _parse_field(opcode: int, name: str, text: str) -> dict[str, int]:
    if name == "value" and opcode in _VALUED_OPCODES:
        return split_value(_parse_value(opcode, text))
    if name in list_joined(opcode).values():
        return split_joined(opcode, name, _parse_number(name, text))
    if name not in FIELD_BITS or name in ("opcode", "predicate"):
        known = [known for known, _ in FIELDS[2:]]
        known += [WORDS.get(option, option) for option in OPCODE_OPTIONS.get(opcode, ())]
        raise ArgumentError("field", name, f"one of {', '.join(known)}")
    if name in _BUFFER_FIELDS:
        return {name: _parse_member(name, Buffer, text)}
    return {name: _parse_number(name, text)}


def _parse_value(opcode: int, text: str) -> int:
    value = _parse_number("value", text)
    is_signed = opcode == Opcode.THRESHOLD
    smallest = -(1 << (VALUE_BITS - 1)) if is_signed else 0
    largest = (1 << (VALUE_BITS - is_signed)) - 1
    if not smallest <= value <= largest:
        raise ArgumentError("value", value, f"from {smallest} to {largest}")
    return value


def _parse_opcode(text: str) -> int:
    if text.upper() in Opcode.__members__:
        return Opcode[text.upper()]
    digits = text.upper().removeprefix(_NUMBERED_OPCODE)
    if digits != text.upper() and digits.isdecimal():
        return _parse_number("opcode", digits)
    raise ArgumentError("opcode", text, f"one of {', '.join(Opcode.__members__)}")


def _parse_member(name: str, kind: type[IntEnum], text: str) -> int:
    if text.upper() in kind.__members__:
        return kind[text.upper()]
    if text[:1].isdecimal():
        return _parse_number(name, text)
    raise ArgumentError(name, text, f"one of {', '.join(kind.__members__).lower()}, or a number")


def _parse_number(name: str, text: str) -> int:
    try:
        return int(text, 0)
    except ValueError as error:
        raise ArgumentError(name, text, "a whole number") from error
