"""Online DRS equals the pure function of the flags, in whatever order decisions arrive."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.scheduler import Dispatch, SlotIndex, compute_schedule, get_static_core
from tests.rtl.decision_bench import Commit, DecisionBench

SIZES = [(1, 1), (1, 5), (2, 4), (3, 5), (3, 32), (4, 8), (5, 3), (16, 32)]


@cache
def get_bench(num_cores: int, num_slots: int) -> DecisionBench:
    """One simulator for each size; `begin` forgets what an earlier example left."""
    return DecisionBench(num_cores, num_slots)


def decide(bench: DecisionBench, flags: list[bool], cycles: list[int]) -> None:
    """Let slot b arrive in cycle cycles[b] or as soon after it as its core is free."""
    waiting = sorted(range(len(flags)), key=lambda slot: cycles[slot])
    cycle = 0
    while waiting or len(bench.commits) < len(flags):
        arriving: dict[int, int] = {}
        for slot in waiting:
            if cycles[slot] <= cycle:
                arriving.setdefault(slot % bench.num_cores, slot)
        # At threshold 0 a score of -1 computes and a score of 0 replays.
        bench.step_measures([(slot, -int(flags[slot])) for slot in arriving.values()])
        waiting = [slot for slot in waiting if slot not in arriving.values()]
        cycle += 1
        assert cycle < 200
    bench.step({})


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[DecisionBench, list[bool], list[int]]:
    """A bench, one flag for each slot of a run, and the cycle in which each arrives."""
    num_cores, num_slots = draw(st.sampled_from(SIZES))
    size = draw(st.integers(1, num_slots))
    flags = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    cycles = draw(st.lists(st.integers(0, 12), min_size=size, max_size=size))
    return get_bench(num_cores, num_slots), flags, cycles


@given(arrivals(), st.sampled_from(Dispatch))
def test_registers_equal_the_reference(
    arrival: tuple[DecisionBench, list[bool], list[int]], dispatch: Dispatch
) -> None:
    bench, flags, cycles = arrival
    bench.begin(dispatch=dispatch, num_slots=len(flags))
    decide(bench, flags, cycles)
    expected = compute_schedule(np.array(flags), bench.num_cores, dispatch)
    last = bench.history[-1]
    assert last.index == expected.index_word
    assert last.index_valid == (1 << len(flags)) - 1
    for slot, core in enumerate(expected.mapping):
        assert core is None or last.mappings[slot] == core


@given(arrivals())
def test_contract_of_the_commits(arrival: tuple[DecisionBench, list[bool], list[int]]) -> None:
    bench, flags, cycles = arrival
    bench.begin(num_slots=len(flags))
    decide(bench, flags, cycles)
    assert [commit.slot for commit in bench.commits] == list(range(len(flags)))
    assert [commit.computes for commit in bench.commits] == flags
    commit_cycles = [commit.cycle for commit in bench.commits]
    assert len(set(commit_cycles)) == len(flags)
    loads = Counter(commit.core for commit in bench.commits if commit.computes)
    counts = [loads[core] for core in range(bench.num_cores)]
    assert sum(counts) == sum(flags)
    assert max(counts) - min(counts) <= 1
    replaying = [commit for commit in bench.commits if not commit.computes]
    assert all(commit.core == commit.slot % bench.num_cores for commit in replaying)


@pytest.mark.parametrize("dispatch", Dispatch)
@pytest.mark.parametrize("num_cores", [1, 2, 3, 4, 8])
def test_every_set_of_flags_of_8_slots(num_cores: int, dispatch: Dispatch) -> None:
    bench = get_bench(num_cores, 8)
    for flags in itertools.product([False, True], repeat=8):
        bench.begin(dispatch=dispatch)
        for slot, computes in enumerate(flags):
            bench.step_direct(slot, computes)
        bench.settle()
        expected = compute_schedule(np.array(flags), num_cores, dispatch)
        last = bench.history[-1]
        assert last.index == expected.index_word
        assert all(
            core is None or last.mappings[slot] == core
            for slot, core in enumerate(expected.mapping)
        )


@pytest.mark.parametrize(("num_cores", "num_slots"), [(1, 3), (3, 5), (4, 32)])
def test_a_decision_is_committed_in_the_second_cycle_after_it(
    num_cores: int, num_slots: int
) -> None:
    bench = get_bench(num_cores, num_slots)
    bench.begin()
    for slot in range(num_slots):
        bench.step_measures([(slot, -1)])
    bench.settle()
    assert [commit.cycle for commit in bench.commits] == [slot + 2 for slot in range(num_slots)]
    # The registers show the commit of cycle t in t + 1, three cycles after the arrival.
    valid = [decided.index_valid for decided in bench.history]
    assert valid == [0, 0, 0] + [(1 << slot + 1) - 1 for slot in range(num_slots)]


def test_the_last_of_many_scores_costs_one_cycle_each_at_most() -> None:
    bench = get_bench(3, 5)
    bench.begin()
    bench.step_measures([(1, -1), (2, 0)])
    bench.step_measures([(4, -1), (3, -1)])
    assert bench.commits == []
    bench.step_measures([(0, 0)])
    for _ in range(6):
        bench.step({})
    assert bench.commits == [
        Commit(cycle=4, slot=0, computes=False, core=0, score=0),
        Commit(cycle=5, slot=1, computes=True, core=0, score=-1),
        Commit(cycle=6, slot=2, computes=False, core=2, score=0),
        Commit(cycle=7, slot=3, computes=True, core=1, score=-1),
        Commit(cycle=8, slot=4, computes=True, core=2, score=-1),
    ]


def test_pointer_and_registers_move_in_the_cycle_of_the_commit() -> None:
    bench = get_bench(2, 4)
    bench.begin()
    for slot in range(4):
        bench.step_direct(slot, computes=True)
    bench.settle()
    assert [decided.index for decided in bench.history] == [0, 0, 0, 1, 3, 7, 15]
    assert bench.history[-1].mappings == (0, 1, 0, 1)


def test_a_slot_that_replays_leaves_its_mapping_register() -> None:
    bench = get_bench(2, 4)
    bench.step({"reset": 1})
    bench.begin()
    for slot in range(4):
        bench.step_direct(slot, computes=True)
    bench.settle()
    bench.begin()
    for slot in range(4):
        bench.step_direct(slot, computes=slot == 3)
    bench.settle()
    assert bench.history[-1].mappings == (0, 1, 0, 0)
    assert bench.history[-1].index == 8


def test_static_mode_maps_a_slot_to_b_mod_c() -> None:
    bench = get_bench(3, 5)
    bench.begin(dispatch=Dispatch.STATIC)
    for slot in range(5):
        bench.step_direct(slot, computes=slot != 1)
    bench.settle()
    cores = [commit.core for commit in bench.commits]
    assert cores == [get_static_core(SlotIndex(slot), 3) for slot in range(5)]


@pytest.mark.parametrize("reset_cycle", range(4))
def test_reset_at_any_cycle_forgets_everything(reset_cycle: int) -> None:
    bench = get_bench(2, 4)
    bench.begin()
    for cycle in range(reset_cycle + 1):
        inputs = {"direct_valid": 1, "direct_slot": cycle, "direct_computes": 1}
        bench.step(inputs | {"reset": int(cycle == reset_cycle)})
    bench.commits.clear()
    bench.settle()
    assert bench.history[-1].index_valid == bench.history[-1].index == 0
    bench.step_direct(0, computes=True)
    bench.settle()
    assert bench.commits == []  # No slots before BEGIN.
