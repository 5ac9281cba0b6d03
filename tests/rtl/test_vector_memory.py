"""Buffers: equal to seven arrays, read FETCH_CYCLES late, written one word per cycle."""

from __future__ import annotations

from typing import Any

import pyrtl
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl.config import TINY
from fastcar.rtl.instruction import Buffer, get_buffer_words
from fastcar.rtl.registers import latch
from fastcar.rtl.vector_memory import (
    FETCH_CYCLES,
    VectorMemoryInputs,
    WritePort,
    count_index_bits,
    make_vector_memory,
    select_word,
)
from tests.rtl.wires import Bench, build_once, make_inputs

READ_INDEX = {Buffer.G: "gate", Buffer.P: "parameter"}


def make_unit() -> None:
    """The buffers between ports, in the working block."""
    index_bits = count_index_bits(TINY)
    port = make_inputs(WritePort, enable=1, buffer=3, index=index_bits, word=TINY.word_bits)
    operand, gate, parameter = (
        latch(pyrtl.Input(index_bits, name), f"unit_{name}")
        for name in ("operand", "gate", "parameter")
    )
    inputs = VectorMemoryInputs(operand, gate, parameter, pyrtl.Input(1, "is_flowing"), port)
    words = make_vector_memory(TINY, "unit", inputs)
    selected = select_word(words, pyrtl.Input(3, "selected_buffer"))
    for name, wire in [*((buffer.name, word) for buffer, word in words.items()), ("any", selected)]:
        output = pyrtl.Output(len(wire), f"out_{name}")
        output <<= wire


@build_once
def build() -> Bench:
    make_unit()
    return Bench()


places = st.sampled_from(Buffer).flatmap(
    lambda buffer: st.tuples(
        st.just(buffer), st.integers(0, get_buffer_words(TINY, buffer) - 1), st.booleans()
    )
)
indices = st.fixed_dictionaries(
    {name: st.integers(0, 1) for name in ("operand", "gate", "parameter")}
)


@given(
    st.lists(st.tuples(places, indices, st.integers(0, 6), st.booleans()), min_size=5, max_size=40)
)
def test_equals_arrays(
    schedule: list[tuple[tuple[Buffer, int, bool], dict[str, int], int, bool]],
) -> None:
    """What an index finds is that of its own cycle; where nothing flows, it waits on its way."""
    bench = build()
    arrays: Any = {buffer: [0] * get_buffer_words(TINY, buffer) for buffer in Buffer}
    held = {"operand": 0, "gate": 0, "parameter": 0}
    stages = [dict.fromkeys(Buffer, 0) for _ in range(FETCH_CYCLES)]
    for number, ((buffer, index, enable), following, selected, flows) in enumerate(schedule):
        word = (number + 1) * 0x0001_0203_0405_0607
        bench.step(
            enable=enable,
            buffer=buffer,
            index=index,
            word=word,
            selected_buffer=selected,
            is_flowing=flows,
            **following,
        )
        for one in Buffer:
            assert bench.read(one.name) == stages[-1][one]
        assert bench.read("any") == stages[-1][Buffer(selected)]
        if flows:
            read = {one: arrays[one][held[READ_INDEX.get(one, "operand")]] for one in Buffer}
            stages = [read, *stages[:-1]]
        if enable:
            arrays[buffer][index] = word & ((1 << TINY.word_bits) - 1)
        held = following
