"""The core against the naive one: every opcode, computed and replayed slots, any stalls."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.native import NativeSimulation
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode
from tests.examples import examples
from tests.rtl.core_bench import BenchOptions, CoreBench, CoreRun
from tests.rtl.core_programs import (
    draw_instruction,
    list_computed_slot,
    list_distance,
    list_loads,
    list_replayed_slot,
    list_score,
    make_memory,
)
from tests.rtl.naive_core import NaiveCore


@pytest.fixture(scope="module")
def bench() -> CoreBench:
    """One core for all tests of this file: it must recover from whatever ran before."""
    return CoreBench(TINY)


def check_equal(
    bench: CoreBench,
    program: list[Instruction],
    options: BenchOptions,
    kind: type[NaiveCore] = NaiveCore,
) -> CoreRun:
    """Run both cores on the same memory and compare memory, decisions and records."""
    memory = make_memory(bench.config, Random(options.seed))
    naive = kind(bench.config, dict(memory))
    for instruction in program:
        naive.execute(instruction)
    bench.reset()
    run = bench.run(program, memory, options)
    assert run.errors == []
    assert run.decisions == naive.decisions
    assert [(record.slot, record.digest) for record in run.retirements] == naive.retired
    assert memory == naive.memory
    return run


latencies = st.integers(1, 6)
options = st.builds(
    BenchOptions,
    read_latency=latencies,
    write_latency=latencies,
    stall_probability=st.sampled_from([0.0, 0.0, 0.1, 0.5, 0.8]),
    seed=st.integers(0, 2**32 - 1),
)


@examples(30)
@given(options, st.lists(st.sampled_from(["compute", "replay", "score", "distance"]), max_size=5))
def test_slots_equal_the_naive_core(
    bench: CoreBench, options: BenchOptions, kinds: list[str]
) -> None:
    lists = {
        "compute": list_computed_slot,
        "replay": list_replayed_slot,
        "score": list_score,
        "distance": list_distance,
    }
    random = Random(options.seed)
    program = [
        instruction
        for slot, kind in enumerate(kinds)
        for instruction in lists[kind](bench.config, random, slot)
    ]
    check_equal(bench, program, options)


@given(options, st.integers(1, 25))
def test_any_legal_sequence_equals_the_naive_core(
    bench: CoreBench, options: BenchOptions, num_instructions: int
) -> None:
    random = Random(options.seed + 1)
    program = list_loads(bench.config, random)
    program += [draw_instruction(bench.config, random) for _ in range(num_instructions)]
    program += [
        Instruction(Opcode.STORE, source=buffer, rows=2, address=900 + 8 * buffer)
        for buffer in Buffer
    ]
    check_equal(bench, program, options)


@pytest.mark.parametrize("num_lanes", [4, 8, 16])
@pytest.mark.parametrize("seed", range(2))
def test_other_lanes_and_ragged_sizes(num_lanes: int, seed: int) -> None:
    config = AcceleratorConfig(1, num_lanes, 2, 24, 40, 17, queue_depth=2)
    bench, random = CoreBench(config), Random(seed)
    program = list_score(config, random, 0) + list_computed_slot(config, random, 0)
    program += list_distance(config, random, 1) + list_replayed_slot(config, random, 1)
    check_equal(bench, program, BenchOptions(seed=seed, stall_probability=0.2 * seed))


def test_the_queue_holds_back_the_dispatcher() -> None:
    """More instructions than the queue is deep pass, and none is lost."""
    bench, random = CoreBench(replace(TINY, queue_depth=2)), Random(3)
    program = [i for slot in range(4) for i in list_replayed_slot(bench.config, random, slot)]
    check_equal(bench, program, BenchOptions(read_latency=9))


@examples(10)
@given(st.integers(0, 2**32 - 1))
def test_stalls_change_cycles_but_nothing_else(bench: CoreBench, seed: int) -> None:
    program = list_computed_slot(bench.config, Random(seed), 1)
    fast = check_equal(bench, program, BenchOptions(seed=seed))
    slow = check_equal(bench, program, BenchOptions(seed=seed, stall_probability=0.5))
    assert fast.num_mac_beats == slow.num_mac_beats
    assert fast.retirements[0].num_cycles < slow.retirements[0].num_cycles


def test_buffers_too_large_for_one_request_are_refused() -> None:
    config = replace(TINY, num_lanes=16, intermediate_size=1024)
    with pytest.raises(ArgumentError, match=r"^largest buffer = '64 words': must be small enough"):
        CoreBench(config)


def test_the_simulators_of_pyrtl_and_the_native_one_agree() -> None:
    """Cycle by cycle: the same run, counters and records included."""
    random = Random(11)
    program = list_score(TINY, random, 0) + list_computed_slot(TINY, random, 0)
    runs = []
    for simulator in (NativeSimulation, pyrtl.FastSimulation, pyrtl.Simulation):
        bench, memory = CoreBench(TINY, simulator), make_memory(TINY, Random(12))
        options = BenchOptions(seed=13, stall_probability=0.2)
        runs.append((bench.run(program, memory, options), memory))
    assert runs[0] == runs[1] == runs[2]
