"""The compiled recursion equals the cycle model, which equals the hardware."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastcar.cosim.cycles import compiled_recursion, cycle_recursion
from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.cycles.step_counts import CompiledCounter, InterpretedCounter, ProgramTables
from fastcar.cosim.cycles.workload import Workload
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Predicate

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
@settings(max_examples=60)
def test_compiled_counts_are_those_of_the_cycle_model(
    planner: Planner, seed: int, latency: int
) -> None:
    check_equal(planner, seed, latency)


@given(planners(), st.integers(0, 1000), st.sampled_from((1, 9)))
@settings(max_examples=5)
def test_kernel_equals_the_cycle_model_before_it_is_compiled(
    planner: Planner, seed: int, latency: int
) -> None:
    names = ("_commit", "_find_idle", "_arbitrate", "_choose_core", "_find_record", "_advance")
    plain = {name: getattr(compiled_recursion, name).py_func for name in (*names, "count_steps")}
    with patch.multiple(compiled_recursion, **plain):
        check_equal(planner, seed, latency)


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
