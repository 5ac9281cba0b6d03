"""The formula of an attention section is that of the section's compiled instructions."""

from __future__ import annotations

import pytest

from fastcar.cosim.cycles.attention_formula import count_attention_cycles
from fastcar.cosim.program.whole.segments import list_segments
from fastcar.cosim.program.whole.token_step import SlotStep, make_prompt_step
from fastcar.reference.errors import ArgumentError
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.config import TINY, TINY_DECODER
from fastcar.rtl.instruction import Instruction, Predicate
from fastcar.rtl.latency import count_cycles
from tests.cosim.whole.decodes import make_tiny_run
from tests.cosim.whole_runs import Machine, decode_by_reference
from tests.reference.integer.whole.runs import quantize_whole_run

LATENCY = 5


@pytest.mark.parametrize("sparse", [None, SparseAttention(8, 2)])
def test_formula_is_the_sum_over_the_compiled_section(sparse: SparseAttention | None) -> None:
    run = make_tiny_run()
    machine = Machine(decode_by_reference(run, quantize_whole_run(run), sparse=sparse))
    config, layers = machine.map.config, machine.decoding.run.config.num_hidden_layers
    position = machine.map.num_positions - 2
    slots = (SlotStep(position, 1), *[None] * (config.num_slots - 1))
    program = machine.compiler.compile(make_prompt_step(slots, layers, picks=False))
    section = _choose_last_section(program)
    blocks = [one.num_blocks for one in list_segments(position, sparse, config.num_lanes)]
    assert len(blocks) == (1 if sparse is None else 2)
    measured = sum(count_cycles(config, one, LATENCY, LATENCY) for one in section)
    assert count_attention_cycles(config, blocks, LATENCY) == measured


def _choose_last_section(program: list[Instruction]) -> list[Instruction]:
    """Instructions of slot 0 in the last layer that no decision predicates."""
    begin = max(index for index, one in enumerate(program) if one.opcode == 1)
    return [
        one
        for one in program[begin:]
        if one.opcode >= 8 and one.predicate == Predicate.ALWAYS and one.slot == 0
    ]


def test_blocks_beyond_a_request_are_further_requests() -> None:
    config = TINY_DECODER
    most = 65_535 // config.attention.key_size  # type: ignore[union-attr]
    whole = count_attention_cycles(config, [most], 1) - count_attention_cycles(config, [1], 1)
    split = count_attention_cycles(config, [most + 1], 1) - count_attention_cycles(config, [2], 1)
    assert split > whole


def test_accelerator_without_attention_and_no_blocks_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^attention = None: must be given"):
        count_attention_cycles(TINY, [1], 1)
    with pytest.raises(ArgumentError, match=r"^visible_blocks = \[\]: must be at least 1"):
        count_attention_cycles(TINY_DECODER, [], 1)
