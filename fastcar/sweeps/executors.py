"""Where jobs run: here, in processes of this machine, or on workers of a Dask scheduler (D-66).

An executor takes a function and jobs and yields what comes back, in the order in which it comes.
Whatever calls it needs no other name: sweeps, the attacks on the bounds and planted bugs do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from concurrent.futures import Executor as Pool
from contextlib import contextmanager
from itertools import islice
from typing import Protocol, TypeVar

from fastcar.extras import check_installed
from fastcar.reference.errors import ArgumentError
from fastcar.workers import check_processes, get_process_count, open_pool

Job = TypeVar("Job")
Result = TypeVar("Result")

MAX_TIMEOUT_SECONDS = 3600
ADDRESS = re.compile(r"([a-z]+://)?[^\s:/]+:[0-9]{1,5}")
JOBS_PER_WORKER = 3
"""That wait at a worker: it never idles, and little is lost with it."""


class Executor(Protocol):
    """What runs jobs."""

    def run(
        self, function: Callable[[Job], Result], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Result]]:
        """Jobs with their results, in the order in which they come back.

        Args:
            function: at the top of a module, so that workers find it.
            jobs: picklable.

        Raises:
            FastCarError: what a job refuses; workers or a scheduler that are gone.
        """


class SerialExecutor:
    """In this process, one after the other."""

    def run(
        self, function: Callable[[Job], Result], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Result]]:
        """See `Executor`."""
        for job in jobs:
            yield job, function(job)


class ThreadExecutor:
    """In threads of this process, for jobs that wait for programs.

    Args:
        threads: number of workers.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def run(
        self, function: Callable[[Job], Result], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Result]]:
        """See `Executor`."""
        with ThreadPoolExecutor(self.threads) as pool:
            yield from _run_in_pool(pool, self.threads, function, jobs)


class ProcessExecutor:
    """In processes of this machine.

    Args:
        processes: number of workers.
    """

    def __init__(self, processes: int) -> None:
        self.processes = check_processes(processes)

    def run(
        self, function: Callable[[Job], Result], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Result]]:
        """See `Executor`."""
        with open_pool(self.processes) as pool:
            yield from _run_in_pool(pool, self.processes, function, jobs)


def _run_in_pool(
    pool: Pool, workers: int, function: Callable[[Job], Result], jobs: Iterable[Job]
) -> Iterator[tuple[Job, Result]]:
    """A few jobs at a time, so that many need no memory."""
    waiting = iter(jobs)
    running: dict[Future[Result], Job] = {}
    while True:
        for job in islice(waiting, JOBS_PER_WORKER * workers - len(running)):
            running[pool.submit(function, job)] = job
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


@contextmanager
def open_executor(
    processes: int | None = None, scheduler: str | None = None, timeout_seconds: float = 10
) -> Iterator[Executor]:
    """What arguments of a command ask for; a scheduler has answered before the block begins.

    Args:
        processes: of this machine; None = one for each core, or none with a scheduler.
        scheduler: address of a Dask scheduler, in place of processes.
        timeout_seconds: after which a scheduler that says nothing is refused.

    Raises:
        ArgumentError: both, or outside of their limits, or a scheduler that does not answer.
        ModuleNotFoundError: the library that reaches a scheduler is not installed.
    """
    is_time = math.isfinite(timeout_seconds) and 0 < timeout_seconds <= MAX_TIMEOUT_SECONDS
    if not is_time:
        limit = f"above 0 and at most {MAX_TIMEOUT_SECONDS} s"
        raise ArgumentError("timeout", timeout_seconds, limit)
    if scheduler is None:
        count = get_process_count() if processes is None else check_processes(processes)
        yield SerialExecutor() if count == 1 else ProcessExecutor(count)
        return
    if not ADDRESS.fullmatch(scheduler):
        raise ArgumentError("scheduler", scheduler, "an address, as tcp://127.0.0.1:8786")
    if processes is not None:
        raise ArgumentError("processes", processes, "given without scheduler")
    check_installed("distributed")
    from fastcar.sweeps.dask_executor import connect

    with connect(scheduler, timeout_seconds) as executor:
        yield executor
