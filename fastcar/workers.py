"""Processes that work side by side, one thread each in their matrix products."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import Any


def get_process_count() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


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
        processes: number of workers, at least 1.
        prepare: called in every worker before its first job, with `given`.
        given: picklable.
    """
    others = set(active_children())
    context = get_context("spawn")
    with limit_threads():
        pool = ProcessPoolExecutor(processes, context, _start_worker, (prepare, given))
        try:
            yield pool
        except BaseException:
            for child in set(active_children()) - others:
                child.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(prepare: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends the workers
    if prepare is not None:
        prepare(*given)
