"""The core with attention against the naive one: every opcode of it, any blocks, any stalls."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import Instruction
from tests.examples import examples
from tests.rtl.attention_programs import list_pick, list_scores_and_context, list_turn
from tests.rtl.core_bench import BenchOptions, CoreBench, CoreRun
from tests.rtl.core_programs import list_loads, make_memory
from tests.rtl.naive_attention import NaiveAttentionCore

GROUPED = AcceleratorConfig(1, 4, 4, 8, 12, 48, attention=AttentionConfig(6, 2, 8, 5))
"""Three query heads for each of two key heads; a key is two beats."""
ONE_HEAD = AcceleratorConfig(1, 8, 4, 8, 12, 16, attention=AttentionConfig(2, 1, 8, 6))
"""The next word of a head is the next word of the softmax."""
CONFIGS = {"tiny": TINY_DECODER, "grouped": GROUPED, "one_head": ONE_HEAD}
LISTS = {"turn": list_turn, "scores": list_scores_and_context, "pick": list_pick}


@cache
def get_bench(name: str) -> CoreBench:
    return CoreBench(CONFIGS[name])


def check_equal(bench: CoreBench, program: list[Instruction], options: BenchOptions) -> CoreRun:
    """Run both cores on the same memory and compare memory, decisions and records."""
    memory = make_memory(bench.config, Random(options.seed))
    naive = NaiveAttentionCore(bench.config, dict(memory))
    for instruction in program:
        naive.execute(instruction)
    bench.reset()
    run = bench.run(program, memory, options)
    assert run.errors == []
    assert run.decisions == naive.decisions
    assert [(record.slot, record.digest) for record in run.retirements] == naive.retired
    assert memory == naive.memory
    return run


options = st.builds(
    BenchOptions,
    read_latency=st.integers(1, 6),
    write_latency=st.integers(1, 6),
    stall_probability=st.sampled_from([0.0, 0.0, 0.1, 0.5]),
    seed=st.integers(0, 2**32 - 1),
)


@pytest.mark.parametrize("name", CONFIGS)
@examples(25)
@given(options, st.lists(st.sampled_from(sorted(LISTS)), min_size=1, max_size=4))
def test_attention_equals_the_naive_core(
    name: str, options: BenchOptions, kinds: list[str]
) -> None:
    bench, random = get_bench(name), Random(options.seed)
    program = list_loads(bench.config, random)
    for slot, kind in enumerate(kinds):
        program += LISTS[kind](bench.config, random, slot)
    check_equal(bench, program, options)
