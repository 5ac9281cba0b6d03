"""What reaches which core, in which order and when; cores are stand-ins that take any time."""

from __future__ import annotations

import itertools
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.backend import RunSettings
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, Predicate
from fastcar.rtl.instruction_check import ErrorCode
from tests.rtl.control_bench import LIMIT_CYCLES, ControlBench, interpret

BEGIN = Instruction(Opcode.BEGIN, rows=4)
END = Instruction(Opcode.END)
SIZES = [(1, 3), (2, 4), (3, 5), (4, 8)]


@cache
def get_bench(num_cores: int = 2, num_slots: int = 4) -> ControlBench:
    return ControlBench(AcceleratorConfig(num_cores, 4, num_slots, 8, 12, 8))


def work(slot: int, predicate: int = 0, cycles: int = 1, is_last: int = 0) -> Instruction:
    """Keeps a core busy; `cycles` 1 or more."""
    return Instruction(
        Opcode.ADD, predicate=predicate, slot=slot, rows=1, columns=cycles, is_last=is_last
    )


def score(slot: int, value: int, cycles: int = 1, opcode: Opcode = Opcode.SCORE) -> Instruction:
    """Decides with a signed value."""
    unsigned = value % (1 << 48)
    return Instruction(
        opcode,
        slot=slot,
        rows=1,
        columns=cycles,
        multiplier=unsigned >> 32,
        address=unsigned % (1 << 32),
    )


def decide(slot: int, computes: bool) -> Instruction:
    return Instruction(Opcode.DECIDE, slot=slot, rows=int(computes))


@st.composite
def segments(draw: st.DrawFn, num_slots: int) -> list[Instruction]:
    """BEGIN and what follows it: every slot is decided once, in any order, before it is asked for.

    Conditional work comes only for slots up to which all are decided.
    """
    size = draw(st.integers(1, num_slots))
    is_distance = draw(st.booleans())
    options = draw(st.integers(0, 1)) | 2 * is_distance
    values = st.sampled_from([-(1 << 47), -1, 0, 1, 2, (1 << 47) - 1])
    threshold = draw(values) % (1 << 48)
    program = [
        Instruction(Opcode.BEGIN, rows=size, shift=options),
        Instruction(Opcode.THRESHOLD, multiplier=threshold >> 32, address=threshold % (1 << 32)),
    ]
    cycles, lasts = st.integers(1, 12), st.integers(0, 1)
    decided: set[int] = set()
    opcode = Opcode.DISTANCE if is_distance else Opcode.SCORE
    for slot in draw(st.permutations(range(size))):
        if draw(st.booleans()):
            program.append(work(slot, cycles=draw(cycles)))
        if draw(st.booleans()):
            program.append(score(slot, draw(values), draw(cycles), opcode))
        else:
            program.append(decide(slot, draw(st.booleans())))
        decided.add(slot)
        num_open = next(slot for slot in range(size + 1) if slot not in decided)
        for open_slot in (
            draw(st.lists(st.integers(0, num_open - 1), max_size=4)) if num_open else []
        ):
            predicate = draw(st.integers(0, 2))
            program.append(work(open_slot, predicate, draw(cycles), draw(lasts)))
    return program


@pytest.mark.parametrize("size", SIZES)
@given(data=st.data())
def test_cores_get_what_the_program_says(size: tuple[int, int], data: st.DataObject) -> None:
    bench = get_bench(*size)
    parts = data.draw(st.lists(segments(size[1]), min_size=1, max_size=3))
    program = [*itertools.chain(*parts), END]
    gap_probability = data.draw(st.sampled_from([0.0, 0.5]))
    settings = RunSettings(LIMIT_CYCLES, gap_probability=gap_probability)
    result = bench.run(program, settings)
    expected = interpret(bench.config, program)
    queues: list[list[Instruction]] = [[] for _ in range(size[0])]
    for one in bench.dispatched:
        queues[one.core].append(one.instruction)
    assert queues == expected.queues
    assert result.error is None
    assert result.counters.dropped == expected.dropped
    assert [core.dispatched for core in result.counters.cores] == [len(q) for q in queues]
    decisions = [(one.slot, one.score, one.computes, one.core) for one in result.decisions]
    assert decisions == expected.decisions
    assert sorted(one.slot for one in result.retires) == sorted(expected.retired)


@given(data=st.data())
def test_one_instruction_at_a_time_and_in_order(data: st.DataObject) -> None:
    bench = get_bench(3, 5)
    program = [*data.draw(segments(5)), END]
    bench.run(program)
    steps = [one.step for one in bench.dispatched]
    assert len(set(steps)) == len(steps)
    wanted = [one for one in program if one in {d.instruction for d in bench.dispatched}]
    assert [one.instruction for one in bench.dispatched] == [
        one for one in wanted if one.opcode >= Opcode.LOAD
    ]


def test_an_instruction_passes_in_every_cycle() -> None:
    bench = get_bench(4, 8)
    result = bench.run([BEGIN, *(work(slot, cycles=9) for slot in range(4)), END])
    assert [one.step for one in bench.dispatched] == [3, 4, 5, 6]
    assert result.counters.wait_queue == 0


def test_cycles_of_a_run_from_the_first_look_to_the_end() -> None:
    bench = get_bench()
    assert bench.run([BEGIN, END]).cycles == 3
    assert bench.run([END]).cycles == 1
    # Looked at in cycle 2, under way from 3 to 6; idle and END in cycle 7.
    assert bench.run([BEGIN, work(0, cycles=4), END]).cycles == 8


def test_a_core_gets_no_more_than_its_queue_takes() -> None:
    bench = get_bench()
    result = bench.run([BEGIN, work(0, cycles=5), work(2, cycles=5), work(1, cycles=5), END])
    assert [(one.step, one.core) for one in bench.dispatched] == [(3, 0), (9, 0), (10, 1)]
    assert result.counters.wait_queue == 5


def test_dispatch_follows_a_decision_after_three_cycles() -> None:
    bench = get_bench()
    program = [BEGIN, decide(0, True), work(0, Predicate.IF_COMPUTE), END]
    result = bench.run(program)
    # BEGIN is looked at in step 1, DECIDE in 3, the commit is in 5, the dispatch in 6.
    assert result.decisions[0].cycle == 4
    assert [one.step for one in bench.dispatched] == [6]
    assert result.counters.wait_decision == 2


def test_a_score_is_waited_for() -> None:
    bench = get_bench()
    program = [BEGIN, score(0, -1, cycles=6), work(0, Predicate.IF_COMPUTE), END]
    result = bench.run(program)
    # The score leaves its core 6 cycles after its dispatch in 3, the commit is in 11.
    assert [one.step for one in bench.dispatched] == [3, 12]
    assert result.counters.wait_decision == 8


def test_excluded_instructions_cost_one_cycle_each() -> None:
    bench = get_bench()
    excluded = [work(0, Predicate.IF_REPLAY)] * 5
    result = bench.run([BEGIN, decide(0, True), *excluded, work(0, Predicate.IF_COMPUTE), END])
    assert [one.step for one in bench.dispatched] == [6 + 5]
    assert result.counters.dropped == 5


@pytest.mark.parametrize("opcode", [Opcode.BEGIN, Opcode.THRESHOLD])
def test_begin_and_threshold_wait_for_idle_cores(opcode: Opcode) -> None:
    bench = get_bench()
    waiting = Instruction(opcode, rows=4)
    bench.run([BEGIN, work(0, cycles=20), waiting, work(1), END])
    # Core 0 takes its instruction in step 3 and is idle from 24 on; nothing is accepted in 24.
    assert [one.step for one in bench.dispatched] == [3, 26]


def test_decisions_under_way_are_committed_before_begin() -> None:
    bench = get_bench(4, 8)
    scores = [score(slot, -1) for slot in reversed(range(4))]
    result = bench.run([BEGIN, *scores, BEGIN, decide(0, False), END])
    assert [one.slot for one in result.decisions] == [0, 1, 2, 3, 0]
    assert [one.order for one in result.decisions] == list(range(5))


def test_begin_forgets_decisions_and_the_pointer() -> None:
    bench = get_bench(3, 5)
    begin = Instruction(Opcode.BEGIN, rows=5)
    first = [decide(slot, True) for slot in (0, 1)]
    result = bench.run([begin, *first, begin, decide(0, False), decide(1, True), END])
    assert [one.core for one in result.decisions] == [0, 1, 0, 0]
    assert (result.registers.index, result.registers.index_valid) == (2, 3)


@pytest.mark.parametrize("computes", [True, False])
def test_the_instruction_behind_begin_sees_no_decision_from_before_it(computes: bool) -> None:
    bench = ControlBench(get_bench().config)
    predicate = Predicate.IF_COMPUTE if computes else Predicate.IF_REPLAY
    result = bench.run([BEGIN, decide(0, computes), BEGIN, work(0, predicate), END])
    assert result.error is not None
    assert result.error.code is ErrorCode.NEVER_DECIDED
    assert not bench.dispatched


@pytest.mark.parametrize("predicate", [Predicate.IF_COMPUTE, Predicate.IF_REPLAY])
def test_what_nothing_decides_is_an_error_and_no_hang(predicate: Predicate) -> None:
    bench = ControlBench(get_bench().config)
    program = [BEGIN, decide(1, True), work(0, cycles=5), work(1, predicate), END]
    result = bench.run(program)
    assert result.error is not None
    assert result.error.code is ErrorCode.NEVER_DECIDED
    assert len(bench.dispatched) == 1
