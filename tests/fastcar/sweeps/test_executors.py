"""Executors: every job once, a few at a time, and what cannot be is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.sweeps.executors import (
    JOBS_PER_WORKER,
    Executor,
    ProcessExecutor,
    SerialExecutor,
    ThreadExecutor,
    open_executor,
)


def square(number: int) -> int:
    time.sleep(0.001 * (number % 3))
    return number * number


@pytest.mark.parametrize("executor", [SerialExecutor(), ThreadExecutor(3)])
def test_every_job_comes_back_once_with_its_result(executor: Executor) -> None:
    results = list(executor.run(square, range(50)))
    assert sorted(results) == [(number, number * number) for number in range(50)]
    assert list(executor.run(square, [])) == []


def test_few_jobs_are_taken_ahead() -> None:
    taken: list[int] = []

    def offer() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    next(iter(ThreadExecutor(2).run(square, offer())))
    assert len(taken) <= 2 * JOBS_PER_WORKER


def test_one_process_is_this_one() -> None:
    with open_executor(processes=1) as executor:
        assert isinstance(executor, SerialExecutor)
    with open_executor(processes=2) as executor:
        assert isinstance(executor, ProcessExecutor)


@pytest.mark.parametrize("address", ["", "invented", "tcp://", "a b:1", "tcp://host", "::1"])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    with (
        pytest.raises(ArgumentError, match=r"^scheduler = .*: must be an address"),
        open_executor(scheduler=address, timeout_seconds=3600),
    ):
        pass


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_time_that_is_none_is_refused(seconds: float) -> None:
    with (
        pytest.raises(ArgumentError, match=r"^timeout = .*: must be above 0"),
        open_executor(timeout_seconds=seconds),
    ):
        pass
