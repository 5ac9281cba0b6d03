"""Faults of one core: memory errors, reset and abort in any cycle; then a complete correct run."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl import latency
from fastcar.rtl.config import TINY
from fastcar.rtl.instruction import Instruction, Opcode, encode
from tests.examples import examples
from tests.rtl.core_bench import BenchOptions, CoreBench, CoreRun
from tests.rtl.core_programs import (
    list_computed_slot,
    list_distance,
    list_replayed_slot,
    list_score,
    make_memory,
)
from tests.rtl.naive_core import NaiveCore


@pytest.fixture(scope="module")
def bench() -> CoreBench:
    """One core for all tests of this file."""
    return CoreBench(TINY)


def list_program(seed: int) -> list[Instruction]:
    """A slot of every kind."""
    random = Random(seed)
    program = list_score(TINY, random, 0) + list_distance(TINY, random, 1)
    return program + list_computed_slot(TINY, random, 2) + list_replayed_slot(TINY, random, 3)


def run_naive(program: list[Instruction], memory: dict[int, int]) -> NaiveCore:
    naive = NaiveCore(TINY, dict(memory))
    for instruction in program:
        naive.execute(instruction)
    return naive


def check_recovery(bench: CoreBench, seed: int) -> None:
    """A whole program gives the right results, from whatever state the core is in."""
    program, memory = list_program(seed), make_memory(TINY, Random(seed))
    naive = run_naive(program, memory)
    run = bench.run(program, memory, BenchOptions(seed=seed, stall_probability=0.1))
    assert (run.errors, memory, run.decisions) == ([], naive.memory, naive.decisions)
    assert [(record.slot, record.digest) for record in run.retirements] == naive.retired


def check_prefix(run: CoreRun, naive: NaiveCore) -> None:
    """What was shown before the fault is right."""
    assert run.decisions == naive.decisions[: len(run.decisions)]
    records = [(record.slot, record.digest) for record in run.retirements]
    assert records == naive.retired[: len(records)]


def find_owner(counts: list[int], beat: int) -> int:
    """Index of the instruction to which the beat number `beat` of all belongs."""
    for index, count in enumerate(counts):
        if beat < count:
            return index
        beat -= count
    raise AssertionError(beat)


seeds = st.integers(0, 2**32 - 1)
stalls = st.sampled_from([0.0, 0.3])


@examples(25)
@given(seeds, stalls, st.data())
def test_a_read_error_is_reported_once_and_nothing_follows(
    bench: CoreBench, seed: int, stall_probability: float, data: st.DataObject
) -> None:
    program, memory = list_program(seed), make_memory(TINY, Random(seed))
    counts = [latency.count_read_beats(TINY, instruction) for instruction in program]
    beat = data.draw(st.integers(0, sum(counts) - 1))
    owner = find_owner(counts, beat)
    naive = run_naive(program[:owner], memory)
    bench.reset()
    options = BenchOptions(
        seed=seed,
        stall_probability=stall_probability,
        read_error_beat=beat,
        num_error_beats=data.draw(st.integers(1, 4)),
        read_latency=3,
    )
    run = bench.run(program, memory, options)
    assert run.errors == [(7, encode(program[owner]))]
    assert (memory, run.decisions) == (naive.memory, naive.decisions)
    assert [(record.slot, record.digest) for record in run.retirements] == naive.retired
    again = bench.run(program, memory)
    assert again.num_mac_beats == 0, "failed until reset"
    assert memory == naive.memory
    bench.reset()
    check_recovery(bench, seed)


@examples(25)
@given(seeds, stalls, st.data())
def test_a_write_error_is_reported_once_and_nothing_follows(
    bench: CoreBench, seed: int, stall_probability: float, data: st.DataObject
) -> None:
    program, memory = list_program(seed), make_memory(TINY, Random(seed))
    counts = [latency.count_written_beats(TINY, instruction) for instruction in program]
    beat = data.draw(st.integers(0, sum(counts) - 1))
    owner = find_owner(counts, beat)
    naive = run_naive(program[:owner], memory)
    attempted = run_naive(program[: owner + 1], memory)
    bench.reset()
    options = BenchOptions(
        seed=seed,
        stall_probability=stall_probability,
        write_error_beat=beat,
        num_error_beats=data.draw(st.integers(1, 4)),
        write_latency=2,
    )
    run = bench.run(program, memory, options)
    assert run.errors == [(8, encode(program[owner]))]
    # Of the failing STORE some beats may be there, of the later ones none.
    for address, beat_found in memory.items():
        assert beat_found in (naive.memory[address], attempted.memory[address])
    assert [(record.slot, record.digest) for record in run.retirements] == naive.retired
    bench.reset()
    check_recovery(bench, seed)


@examples(25)
@given(seeds, stalls, st.integers(0, 300))
def test_reset_in_any_cycle_recovers(
    bench: CoreBench, seed: int, stall_probability: float, reset_cycle: int
) -> None:
    program, memory = list_program(seed), make_memory(TINY, Random(seed))
    naive = run_naive(program, memory)
    options = BenchOptions(seed=seed, stall_probability=stall_probability, reset_cycle=reset_cycle)
    bench.reset()
    check_prefix(bench.run(program, memory, options), naive)
    check_recovery(bench, seed)


@examples(25)
@given(seeds, stalls, st.integers(0, 300))
def test_abort_in_any_cycle_ends_the_transfers_and_forgets_the_rest(
    bench: CoreBench, seed: int, stall_probability: float, abort_cycle: int
) -> None:
    program, memory = list_program(seed), make_memory(TINY, Random(seed))
    naive = run_naive(program, memory)
    options = BenchOptions(
        seed=seed,
        stall_probability=stall_probability,
        abort_cycle=abort_cycle,
        read_latency=4,
        write_latency=4,
    )
    bench.reset()
    run = bench.run(program, memory, options)
    check_prefix(run, naive)
    assert run.errors == []
    check_recovery(bench, seed)  # Without a reset.


def test_an_idle_core_stays_idle(bench: CoreBench) -> None:
    bench.reset()
    for _ in range(20):
        outputs = bench.step({})
        assert outputs["is_idle"] == outputs["instruction_ready"] == 1
        quiet = [name for name, value in outputs.items() if value and name.endswith("_valid")]
        assert quiet == []


def test_a_record_is_held_until_it_is_taken(bench: CoreBench) -> None:
    """The next slot may run, but must not end, before the record of the last one is taken."""
    bench.reset()
    ending = Instruction(Opcode.ADD, slot=5, rows=1, is_last=1)
    following = Instruction(Opcode.ADD, slot=6, rows=1, is_last=1)
    for instruction in (ending, following):
        bench.step({"instruction_valid": 1, "instruction": encode(instruction)})
    slots = []
    for cycle in range(30):
        outputs = bench.step({"retire_ready": int(cycle in (14, 25))})
        slots.append(outputs["retire_slot"] if outputs["retire_valid"] else None)
    assert slots[8:15] == [5] * 7
    assert slots[22:26] == [6] * 4
    assert slots[-1] is None
