"""Processes that work side by side, one thread each in their matrix products.

A worker ends with its parent, however that ends, and a worker that somebody kills is a refusal.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, parent_process, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from fastcar.reference.arguments import check_argument
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.reference.signals import hold_signals

MAX_PROCESSES_PER_CORE = 16
"""More would only take turns, and each holds an interpreter of its own in memory."""


class WorkerError(FastCarError):
    """A worker process ended before its work was done."""

    def __init__(self, processes: int, reason: str) -> None:
        self.processes = processes
        self.reason = reason
        super().__init__(f"processes = {processes}: {reason}: workers must live until all is done")


def get_process_count() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def check_processes(processes: int) -> int:
    """The number of workers, refused where no machine like this one could use so many.

    Raises:
        ArgumentError: no whole number, below 1, or above MAX_PROCESSES_PER_CORE for each core.
    """
    count: int = check_argument("processes", processes, int)
    most = MAX_PROCESSES_PER_CORE * get_process_count()
    if not 1 <= count <= most:
        limit = f"at least 1 and at most {most}, {MAX_PROCESSES_PER_CORE} for each core"
        raise ArgumentError("processes", count, limit)
    return count


@contextmanager
def limit_threads() -> Iterator[None]:
    """Processes that start inside have one thread each in their matrix products.

    Threads of several processes on the same cores slow each other down.
    """
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def open_pool(
    processes: int, prepare: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Workers that start afresh; an exception ends them at once, not after what they are doing.

    Args:
        processes: number of workers, see `check_processes`.
        prepare: called in every worker before its first job, with `given`.
        given: picklable.

    Raises:
        ArgumentError: too many workers, or none.
        WorkerError: one was killed, or cannot be started.
    """
    check_processes(processes)
    others = set(active_children())
    with limit_threads():
        pool = _Pool(processes, _Context(), _start_worker, (prepare, given))
        try:
            yield pool
        except BaseException as error:
            with hold_signals():
                for child in set(active_children()) - others:
                    child.terminate()
            if isinstance(error, BrokenProcessPool):
                raise WorkerError(processes, "a worker was killed") from error
            if isinstance(error, _StartError):
                raise WorkerError(processes, f"a worker did not start, {error}") from error
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _StartError(Exception):
    """A process could not be started, or ended before it knew its work."""


class _Worker(SpawnProcess):
    """A process that Ctrl-C does not reach, not even while it starts: the parent ends it.

    Ctrl-C goes to every process of a terminal. One that is still importing would print where it
    was, and one whose parent left it half-told would complain about what is missing.
    """

    def start(self) -> None:
        """Start, undisturbed."""
        resource_tracker.ensure_running()  # which lifts the mask where it has to start
        with hold_signals():
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                super().start()
            except OSError as error:
                raise _StartError(error.strerror or str(error)) from error
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _Context(SpawnContext):
    Process = _Worker


class _Pool(ProcessPoolExecutor):
    """What went wrong while a worker was prepared is raised by its first job."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """A job."""
        return super().submit(_work, function, args, named)


_failures: list[Exception] = []
"""Of the preparation of this worker."""


def _work(function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    if _failures:
        raise _failures[0]
    return function(*args, **named)


def _start_worker(prepare: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        try:
            prepare(*given)
        except Exception as error:
            _failures.append(error)


def _end_with_parent() -> None:
    """A killed parent closes its end of a pipe; a worker would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)
