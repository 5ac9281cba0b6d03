"""Instruction bits: round trip, places of the fields, and the split on wires."""

from __future__ import annotations

from dataclasses import astuple, fields

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import DEMO, TINY
from fastcar.rtl.instruction import (
    FIELD_BITS,
    FIELDS,
    INSTRUCTION_BITS,
    Buffer,
    Instruction,
    Opcode,
    decode,
    encode,
    get_buffer_words,
    split,
)
from tests.rtl.wires import Bench, build_once

instructions = st.builds(
    Instruction, **{name: st.integers(0, (1 << bits) - 1) for name, bits in FIELDS}
)
words = st.integers(0, (1 << INSTRUCTION_BITS) - 1)


def test_the_fields_fill_the_instruction() -> None:
    assert sum(FIELD_BITS.values()) == INSTRUCTION_BITS
    assert [field.name for field in fields(Instruction)] == [name for name, _ in FIELDS]


@given(instructions)
def test_decode_inverts_encode(instruction: Instruction) -> None:
    assert decode(encode(instruction)) == instruction


@given(words)
def test_encode_inverts_decode(word: int) -> None:
    assert encode(decode(word)) == word


def test_places_of_the_fields() -> None:
    """Written out once more from the table of the specification, as bit numbers."""
    first_bit = {
        "opcode": 0,
        "predicate": 5,
        "slot": 7,
        "target": 12,
        "source": 15,
        "rows": 18,
        "columns": 30,
        "shift": 42,
        "gate_shift": 48,
        "hidden_shift": 50,
        "multiplier": 56,
        "address": 72,
        "is_last": 104,
        "reserved": 105,
    }
    for name, bit in first_bit.items():
        assert getattr(decode(1 << bit), name) == 1, name
        assert sum(astuple(decode(1 << bit))) == 1, name


def test_value_is_multiplier_and_address() -> None:
    instruction = Instruction(Opcode.NORM, multiplier=0x8001, address=0x70000002)
    assert instruction.value == 0x8001_7000_0002


@build_once
def build_split() -> Bench:
    for name, wire in split(pyrtl.Input(INSTRUCTION_BITS, "instruction")).items():
        output = pyrtl.Output(FIELD_BITS[name], f"out_{name}")
        output <<= wire
    return Bench()


@given(st.lists(words, min_size=1, max_size=20))
def test_the_split_on_wires_equals_decode(samples: list[int]) -> None:
    bench = build_split()
    for sample in samples:
        bench.step(instruction=sample)
        found = {name: bench.read(name) for name, _ in FIELDS}
        assert Instruction(**found) == decode(sample)


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match=r"^rows = 4096: must be from 0 to 4095$"):
        encode(Instruction(Opcode.LOAD, rows=4096))
    with pytest.raises(ArgumentError, match=r"^word = -1: must be an unsigned integer of 128 bits"):
        decode(-1)
    with pytest.raises(ArgumentError, match=r"^len\(word\) = 64: must be 128$"):
        split(pyrtl.Const(0, 64))


def test_opcodes_from_8_on_are_for_cores() -> None:
    dispatcher = {Opcode.BEGIN, Opcode.THRESHOLD, Opcode.DECIDE, Opcode.END}
    assert {opcode for opcode in Opcode if not opcode.is_for_core} == dispatcher


def test_buffers_hold_what_the_program_puts_into_them() -> None:
    words_of = {buffer.name: get_buffer_words(DEMO, buffer) for buffer in Buffer}
    assert words_of == {"X": 8, "N": 8, "G": 22, "H": 22, "Y": 8, "P": 22, "K": 8}
    assert get_buffer_words(TINY, Buffer.K) == 2
