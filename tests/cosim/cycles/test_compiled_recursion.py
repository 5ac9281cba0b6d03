"""The compiled recursion equals the cycle model, which equals the hardware."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.cycles import compiled_recursion, cycle_recursion
from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.cycles.step_counts import CompiledCounter, InterpretedCounter, ProgramTables
from fastcar.cosim.cycles.workload import Workload
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.rtl.instruction import Predicate
from tests.examples import examples

SHARED = ("RECORD", "DRAIN", "COMPARE", "COMMIT", "VISIBLE", "OFFER")


@st.composite
def planners(draw: st.DrawFn) -> Planner:
    """Small layers on few cores, with queues that fill up."""
    hidden, inner, query = (draw(st.integers(1, 24)) for _ in range(3))
    config = AcceleratorConfig(
        draw(st.integers(1, 6)),
        draw(st.sampled_from((4, 8))),
        draw(st.integers(1, 9)),
        hidden,
        inner,
        query,
        draw(st.sampled_from((2, 4, 32))),
    )
    return Planner(config, (Workload(hidden, inner, query, 1, 1).blank_layer,))


def check_equal(planner: Planner, seed: int, latency: int) -> None:
    rng = np.random.default_rng(seed)
    compiled, interpreted = (
        CompiledCounter(ProgramTables(planner), planner.config),
        InterpretedCounter(planner),
    )
    assert compiled.count_dense(latency) == interpreted.count_dense(latency)
    flags = rng.random((3, planner.config.num_slots)) >= rng.random()
    for dispatch in Dispatch:
        for source in DecisionSource:
            wanted = interpreted.count(flags, dispatch, source, latency)
            assert compiled.count(flags, dispatch, source, latency) == wanted


@pytest.mark.slow
@given(planners(), st.integers(0, 1000), st.sampled_from((1, 2, 9, 64)))
@examples(60)
def test_compiled_counts_are_those_of_the_cycle_model(
    planner: Planner, seed: int, latency: int
) -> None:
    check_equal(planner, seed, latency)


def check_before_compiled(planner: Planner, seed: int, latency: int) -> None:
    """The kernel as Python runs it."""
    names = ("_commit", "_find_idle", "_arbitrate", "_choose_core", "_find_record", "_advance")
    plain = {name: getattr(compiled_recursion, name).py_func for name in (*names, "count_steps")}
    with patch.multiple(compiled_recursion, **plain):
        check_equal(planner, seed, latency)


@given(planners(), st.integers(0, 1000), st.sampled_from((1, 9)))
@examples(5)
def test_kernel_equals_the_cycle_model_before_it_is_compiled(
    planner: Planner, seed: int, latency: int
) -> None:
    check_before_compiled(planner, seed, latency)


def test_records_are_taken_as_in_the_recursion() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        ends = np.sort(rng.integers(0, 6, (3, 4)), axis=1)
        ends[1, 2:] = -1
        recursion = cycle_recursion.Recursion(replace(TINY, num_cores=3), (), 1, [[]] * 3)
        for course, own in zip(recursion.cores, ends.tolist(), strict=True):
            course.finished = [(0, 0, end) for end in own if end >= 0]
        settled = np.empty_like(ends)
        compiled_recursion._arbitrate.py_func(ends, settled)
        taken = [[cycle for cycle in own if cycle >= 0] for own in settled.tolist()]
        assert taken == recursion.arbitrate()


def test_the_last_instruction_waits_for_the_record_before() -> None:
    find, taken = compiled_recursion._find_record.py_func, np.array([7, -1])
    assert find(True, taken, 1) == 7 + cycle_recursion.RECORD_CYCLES
    assert [find(False, taken, 1), find(True, taken, 0), find(True, taken, 2)] == [0, 0, 0]


def test_a_short_queue_holds_as_many_as_it_says() -> None:
    config = AcceleratorConfig(3, 8, 5, 8, 21, 11, 4)
    planner = Planner(config, (Workload(8, 21, 11, 1, 1).blank_layer,))
    check_before_compiled(planner, 643, 9)


def test_constants_are_those_of_the_recursion_in_words() -> None:
    for name in SHARED:
        constant = f"{name}_CYCLES"
        assert getattr(compiled_recursion, constant) == getattr(cycle_recursion, constant)
    predicates = (
        compiled_recursion.ALWAYS,
        compiled_recursion.IF_COMPUTE,
        compiled_recursion.IF_REPLAY,
    )
    assert predicates == (Predicate.ALWAYS, Predicate.IF_COMPUTE, Predicate.IF_REPLAY)
