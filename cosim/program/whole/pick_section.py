"""The end of a token of a slot, as instructions: final norm, head, and the token that is picked.

Source: docs/accelerator.md, section 8.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.cosim.program.compiler import load
from fastcar.cosim.program.memory_map import BEATS_PER_WORD, SlotPart
from fastcar.cosim.program.whole.whole_map import ModelPart, WholeMemoryMap
from fastcar.reference.integer.whole.head import IntegerHead
from fastcar.rtl.instruction import (
    Buffer,
    Instruction,
    Opcode,
    get_buffer_words,
    join_options,
    split_value,
)


def compile_pick(memory_map: WholeMemoryMap, head: IntegerHead, slot: int) -> Iterator[Instruction]:
    """The section of a slot, without its number: PICK in as many chunks as P and G ask for."""
    config, words = memory_map.config, memory_map.config.hidden_words
    residual = memory_map.mlp.locate_activation(slot, SlotPart.RESIDUAL)
    yield load(Buffer.X, words, residual)
    yield load(Buffer.P, words, memory_map.locate_model(ModelPart.FINAL_GAINS))
    yield Instruction(Opcode.NORM, rows=words, **split_value(head.epsilon))
    largest = min(get_buffer_words(config, buffer) for buffer in (Buffer.P, Buffer.G))
    for first in range(0, memory_map.code_words, largest):
        rows = min(largest, memory_map.code_words - first)
        is_final = int(first + rows == memory_map.code_words)
        multipliers = memory_map.locate_model(ModelPart.HEAD_MULTIPLIERS)
        weights = memory_map.locate_model(ModelPart.HEAD_WEIGHTS)
        yield load(Buffer.P, rows, multipliers + BEATS_PER_WORD * first)
        yield load(Buffer.G, rows, memory_map.locate_noise(slot, first))
        yield Instruction(
            Opcode.PICK,
            source=Buffer.N,
            rows=rows,
            columns=words,
            shift=head.matrix.shift,
            address=weights + first * config.num_lanes * words,
            reserved=join_options(is_fresh=int(not first), is_final=is_final),
            is_last=is_final,
        )
