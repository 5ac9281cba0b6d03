"""What all back ends share: instructions are offered by the rules, a watchdog ends every run."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.backend import (
    Backend,
    InstructionDriver,
    RunSettings,
    WatchdogError,
    count_steps,
)
from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import TINY


@given(
    st.lists(st.integers(0, 2**128 - 1), max_size=8),
    st.lists(st.booleans(), min_size=100, max_size=100),
    st.sampled_from([0.0, 0.6]),
    st.integers(0, 2**16),
)
def test_rule_2_holds_for_instructions(
    program: list[int], readies: list[bool], gap_probability: float, seed: int
) -> None:
    driver = InstructionDriver(program, RunSettings(gap_probability=gap_probability, seed=seed))
    accepted, held = [], None
    for is_ready in [*readies, *[True] * 100]:
        valid, instruction = driver.drive()
        if held is not None:
            assert (valid, instruction) == (True, held)
        held = instruction if valid and not is_ready else None
        if valid and is_ready:
            accepted.append(instruction)
        driver.observe(is_ready)
        assert driver.num_accepted == len(accepted)
    assert accepted == program


def test_gaps_follow_the_seed() -> None:
    def list_gaps(seed: int, gap_probability: float = 0.5) -> list[bool]:
        settings = RunSettings(gap_probability=gap_probability, seed=seed)
        driver = InstructionDriver([1] * 20, settings)
        gaps = []
        for _ in range(20):
            gaps.append(not driver.drive()[0])
            driver.observe(True)
        return gaps

    assert list_gaps(1) == list_gaps(1) != list_gaps(2)
    assert {False, True} == set(list_gaps(1))
    assert not any(list_gaps(1, gap_probability=0.0))


def test_the_watchdog_counts_exactly() -> None:
    driver = InstructionDriver([1, 2, 3], RunSettings())
    driver.drive()
    driver.observe(True)
    steps = count_steps(4, driver)
    assert list(itertools.islice(steps, 4)) == [0, 1, 2, 3]
    text = r"^limit_cycles = 4: run is not done after them, 1 of 3 instructions accepted$"
    with pytest.raises(WatchdogError, match=text):
        next(steps)


def test_the_back_end_of_pyrtl_is_one() -> None:
    backend: Backend = PyrtlBackend(TINY)
    assert backend.config is TINY


def test_settings_are_checked() -> None:
    with pytest.raises(ArgumentError, match=r"^limit_cycles = 0: must be at least 1$"):
        RunSettings(limit_cycles=0)
    with pytest.raises(ArgumentError, match=r"^gap_probability = 1: must be at least 0"):
        RunSettings(gap_probability=1)
