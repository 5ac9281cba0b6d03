"""Drawn programs fit their accelerator; drawn instructions are any bits."""

from __future__ import annotations

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from fastcar.cosim.program.assembler import assemble, disassemble
from fastcar.cosim.program.random_program import count_beats
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import PRESETS, TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, decode, encode, get_buffer_words
from fastcar.strategies import (
    accelerator_configs,
    core_instructions,
    instructions,
    program_words,
    programs,
)
from tests.cosim.program.attention_rules import check_attention

configs = st.sampled_from(list(PRESETS.values()))


@given(instructions())
def test_an_instruction_is_its_bits(instruction: Instruction) -> None:
    assert decode(encode(instruction)) == instruction


@given(st.data(), configs)
def test_lengths_fit_the_buffers(data: st.DataObject, config: AcceleratorConfig) -> None:
    one = data.draw(core_instructions(config))
    largest = max(get_buffer_words(config, buffer) for buffer in Buffer)
    assert 1 <= one.rows <= largest
    assert one.columns <= largest


@given(st.data(), configs)
def test_a_program_begins_and_ends_and_is_written_as_text(
    data: st.DataObject, config: AcceleratorConfig
) -> None:
    program = data.draw(programs(config))
    assert [program[0].opcode, program[-1].opcode] == [Opcode.BEGIN, Opcode.END]
    words = [encode(one) for one in program]
    assert assemble(disassemble(words)) == words


@given(st.data(), configs)
def test_program_words_are_written_as_text(data: st.DataObject, config: AcceleratorConfig) -> None:
    words = data.draw(program_words(config))
    assert assemble(disassemble(words)) == list(words)


@given(st.data(), accelerator_configs(has_attention=True))
def test_programs_with_attention_keep_its_rules(
    data: st.DataObject, config: AcceleratorConfig
) -> None:
    num_beats = count_beats(config)
    words = [encode(one) for one in data.draw(programs(config, num_beats))]
    check_attention(config, words, num_beats)
    assert assemble(disassemble(words)) == words


def test_a_memory_that_attention_does_not_fit_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^memory_beats = 511: must be at least 512 with att"):
        find(programs(TINY_DECODER, 511), lambda program: True)
