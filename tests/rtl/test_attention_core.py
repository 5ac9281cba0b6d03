"""The core with attention against the naive one: every opcode of it, any blocks, any stalls."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.native import NativeSimulation
from fastcar.rtl import latency
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, encode, join_options
from fastcar.rtl.instruction_check import ErrorCode
from tests.examples import examples
from tests.rtl.attention_programs import list_pick, list_scores_and_context, list_turn
from tests.rtl.core_bench import BenchOptions, CoreBench, CoreRun
from tests.rtl.core_programs import list_loads, make_memory
from tests.rtl.naive_attention import NaiveAttentionCore
from tests.rtl.poison import poison_collisions
from tests.rtl.test_core import check_equal as compare_cores
from tests.rtl.wires import pack, unpack

GROUPED = AcceleratorConfig(1, 4, 4, 8, 12, 48, attention=AttentionConfig(6, 2, 8, 5))
"""Three query heads for each of two key heads; a key is two beats."""
ONE_HEAD = AcceleratorConfig(1, 8, 4, 8, 12, 16, attention=AttentionConfig(2, 1, 8, 6))
"""The next word of a head is the next word of the softmax."""
CONFIGS = {"tiny": TINY_DECODER, "grouped": GROUPED, "one_head": ONE_HEAD}
MEMORIES = (
    *(f"_{buffer.name.lower()}" for buffer in Buffer),
    *("_score_buffer", "_exponents", "_totals", "_results", "_accumulators", "_tokens"),
)
"""How the names of the memories end that instructions write."""
NUM_READS = len(MEMORIES) + 2
"""Maximum and sum of a head have two readers."""
FINAL = join_options(last_lane=3, is_fresh=1, is_final=1)
LISTS = {"turn": list_turn, "scores": list_scores_and_context, "pick": list_pick}


def make_poisoned(**arguments: Any) -> NativeSimulation:
    """Of the working block; what a read finds that meets a write is the complement."""
    assert poison_collisions(pyrtl.working_block(), MEMORIES) == NUM_READS
    return NativeSimulation(**arguments)


@cache
def get_bench(name: str) -> CoreBench:
    return CoreBench(CONFIGS[name], make_poisoned)


def check_equal(bench: CoreBench, program: list[Instruction], options: BenchOptions) -> CoreRun:
    """Against the naive core with attention."""
    return compare_cores(bench, program, options, NaiveAttentionCore)


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


@pytest.mark.parametrize("name", CONFIGS)
@examples(25)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 2**32 - 1),
    st.sampled_from(sorted(LISTS)),
)
def test_every_instruction_takes_its_cycles(
    name: str, read_latency: int, write_latency: int, seed: int, kind: str
) -> None:
    """Each with a record of its own, so the cycles of each of them are seen."""
    bench, random = get_bench(name), Random(seed)
    program = [replace(one, is_last=1) for one in LISTS[kind](bench.config, random, 0)]
    bench.reset()
    memory = make_memory(bench.config, random)
    run = bench.run(
        program, memory, BenchOptions(read_latency=read_latency, write_latency=write_latency)
    )
    expected = [
        latency.count_cycles(bench.config, one, read_latency, write_latency) for one in program
    ]
    assert [record.num_cycles for record in run.retirements] == expected
    beats = sum(latency.count_mac_beats(bench.config, one) for one in program)
    assert run.num_mac_beats == beats
    reads = [one for one in program if latency.count_read_beats(bench.config, one)]
    assert run.num_read_stalls == (read_latency - 1) * len(reads)


@pytest.mark.parametrize("name", CONFIGS)
def test_each_rule_of_order_is_a_sticky_error(name: str) -> None:
    """The instruction is named, nothing of it is done, and a reset recovers."""
    bench, random = get_bench(name), Random(1)
    config = bench.config
    scores = list_scores_and_context(config, random, 0, decides=False)
    final = next(one for one in scores if one.options["is_final"])
    context = next(one for one in scores if one.opcode == Opcode.CONTEXT)
    pick = list_pick(config, random, 0)
    loaded = [one for one in pick if one.opcode != Opcode.PICK]
    open_again = replace(final, reserved=join_options(last_lane=3, is_final=1))
    fresh = replace(final, reserved=join_options(last_lane=3, is_fresh=1))
    broken = {
        "context before scores": ([], context),
        "context of an open softmax": ([fresh], context),
        "scores go on with what is divided": ([replace(final, reserved=FINAL)], open_again),
        "pick without a norm": ([], next(one for one in pick if one.opcode == Opcode.PICK)),
        "pick behind a new x": (loaded[:3] + loaded[:1], pick[5]),
        "embed without a token": ([], next(one for one in pick if one.opcode == Opcode.EMBED)),
    }
    for rule, (before, last) in broken.items():
        memory = make_memory(config, random)
        kept = dict(memory)
        bench.reset()
        store_all = Instruction(Opcode.STORE, source=Buffer.X, rows=1, address=3)
        run = bench.run([*before, last, store_all], memory)
        assert run.errors == [(ErrorCode.ORDER, encode(last))], rule
        assert memory == kept, rule
        check_equal(bench, list_loads(config, random) + scores, BenchOptions())


def test_tokens_are_those_of_their_slots() -> None:
    """A token of slot 2 is none of slot 1."""
    bench, random = get_bench("tiny"), Random(6)
    picked = list_pick(bench.config, random, 2)
    other = replace(picked[-2], slot=1)
    bench.reset()
    run = bench.run([*picked, other], make_memory(bench.config, random))
    assert run.errors == [(ErrorCode.ORDER, encode(other))]


@pytest.mark.parametrize("value", [-32768, -32767, -129, -128, -127, 126, 127, 128, 32767])
def test_narrow_results_stay_within_127(value: int) -> None:
    """ROPE with a cosine of 1 and a sine of 0 hands over what it is given."""
    bench = get_bench("one_head")
    lanes, rows = bench.config.num_lanes, bench.config.key_words
    memory = {0: pack([value] * (lanes // 2), 16), 1: pack([value] * (lanes // 2), 16)}
    memory |= dict.fromkeys((2, 3), pack([16384, 0] * (lanes // 4), 16))
    program = [
        Instruction(Opcode.LOAD, target=Buffer.G, rows=rows, address=0),
        Instruction(Opcode.LOAD, target=Buffer.P, rows=rows, address=2),
        Instruction(Opcode.ROPE, target=Buffer.K, rows=rows, multiplier=1, shift=14, gate_shift=1),
        Instruction(Opcode.STORE, source=Buffer.K, rows=rows, address=4, is_last=1),
    ]
    bench.reset()
    run = bench.run(program, memory)
    assert run.errors == []
    expected = max(-127, min(127, value))
    assert unpack(memory[4], 16, lanes // 2) == [expected] * (lanes // 2)


def test_an_abort_at_any_point_of_embed_opens_nothing() -> None:
    """Its request comes cycles after it has begun; none may come when it is forgotten."""
    bench, random = get_bench("tiny"), Random(6)
    picked = list_pick(bench.config, random, 2)
    embed = [one for one in picked if one.opcode == Opcode.EMBED]
    for abort_cycle in range(14):
        memory = make_memory(bench.config, random)
        bench.reset()
        bench.run([one for one in picked if one not in embed], memory)
        options = BenchOptions(read_latency=3, abort_cycle=abort_cycle)
        assert bench.run(embed, memory, options).errors == []
    check_equal(bench, list_loads(bench.config, random) + picked, BenchOptions())
