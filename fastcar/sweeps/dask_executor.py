"""Jobs on the workers of a Dask scheduler; a worker that is lost has its jobs done by others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from fastcar.reference.errors import ArgumentError, FastCarError

if TYPE_CHECKING:
    from distributed import Client

Job = TypeVar("Job")
Result = TypeVar("Result")

JOBS_PER_THREAD = 4
"""That wait at a thread of a worker."""
MIN_JOBS = 16


class SchedulerError(FastCarError):
    """A scheduler or its workers were lost before all was done."""

    def __init__(self, scheduler: str, reason: str) -> None:
        self.scheduler = scheduler
        self.reason = reason
        super().__init__(f"scheduler = {scheduler!r}: {reason}: must live until all is done")


class DaskExecutor:
    """On a scheduler that has answered, see `connect`.

    Args:
        address: of the scheduler.
        client: connected to it.
    """

    def __init__(self, address: str, client: Client) -> None:
        self.address, self._client = address, client

    def run(
        self, function: Callable[[Job], Result], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Result]]:
        """See `fastcar.sweeps.executors.Executor`."""
        from distributed import as_completed

        waiting = iter(jobs)
        running: dict[Any, Job] = {}
        completed = as_completed(loop=self._client.loop)
        for job in islice(waiting, self._count_jobs()):
            self._submit(completed, running, function, job)
        for future in completed:
            result = self._get_result(future)
            job = running.pop(future.key)
            for following in islice(waiting, 1):
                self._submit(completed, running, function, following)
            yield job, result

    def _submit(
        self,
        completed: Any,
        running: dict[Any, Job],
        function: Callable[[Job], Result],
        job: Job,
    ) -> None:
        future = self._client.submit(function, job, pure=False)
        running[future.key] = job
        completed.add(future)

    def _get_result(self, future: Any) -> Any:
        """Of a job; what it raised itself goes on as it is."""
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            reason = "workers died again and again over one job"
            raise SchedulerError(self.address, reason) from error
        except (CancelledError, OSError) as error:
            raise SchedulerError(self.address, "it is gone") from error

    def _count_jobs(self) -> int:
        threads: int = sum(self._client.nthreads().values())
        return max(MIN_JOBS, JOBS_PER_THREAD * threads)


@contextmanager
def connect(address: str, timeout_seconds: float) -> Iterator[DaskExecutor]:
    """Reach a scheduler with a worker; silent, what would be logged is said by a refusal.

    Args:
        address: of the scheduler, as "tcp://127.0.0.1:8786".
        timeout_seconds: in which it and one worker have to answer.

    Raises:
        ArgumentError: they do not.
    """
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        client = _reach(address, timeout_seconds)
        try:
            yield DaskExecutor(address, client)
        finally:
            client.close(timeout=timeout_seconds)
    finally:
        logger.setLevel(before)


def _reach(address: str, seconds: float) -> Client:
    from distributed import Client

    try:
        client = Client(address, timeout=seconds, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        limit = f"a scheduler that answers within {seconds:g} s"
        raise ArgumentError("scheduler", address, limit) from error
    try:
        client.wait_for_workers(1, timeout=seconds)
    except TimeoutError as error:
        client.close(timeout=seconds)
        limit = f"a scheduler with a worker within {seconds:g} s"
        raise ArgumentError("scheduler", address, limit) from error
    return client
