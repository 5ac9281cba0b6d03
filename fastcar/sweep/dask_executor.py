"""Jobs on the workers of a Dask scheduler; a worker that is lost has its jobs done by others."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from fastcar.extras import check_installed
from fastcar.reference.errors import ArgumentError, FastCarError

if TYPE_CHECKING:
    from distributed import Client

Job = TypeVar("Job")
Result = TypeVar("Result")

MAX_TIMEOUT_SECONDS = 3600
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
    """On a scheduler.

    Args:
        address: of the scheduler, as "tcp://127.0.0.1:8786".
        timeout_seconds: in which it and one worker have to answer.

    Raises:
        ArgumentError: a time outside of its limits.
        ModuleNotFoundError: the library is not installed.
    """

    def __init__(self, address: str, timeout_seconds: float = 10) -> None:
        check_installed("distributed")
        is_time = math.isfinite(timeout_seconds) and 0 < timeout_seconds <= MAX_TIMEOUT_SECONDS
        if not is_time:
            limit = f"above 0 and at most {MAX_TIMEOUT_SECONDS} s"
            raise ArgumentError("timeout", timeout_seconds, limit)
        self.address, self.timeout_seconds = address, timeout_seconds

    def run(
        self, function: Callable[[Job], Result], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Result]]:
        """See `fastcar.sweep.executors.Executor`."""
        from distributed import as_completed

        waiting = iter(jobs)
        with self._connect() as client:
            running: dict[Any, Job] = {}
            completed = as_completed()
            for job in islice(waiting, self._count_jobs(client)):
                self._submit(client, completed, running, function, job)
            for future in completed:
                result = self._get_result(future)
                job = running.pop(future.key)
                for following in islice(waiting, 1):
                    self._submit(client, completed, running, function, following)
                yield job, result

    def _submit(
        self,
        client: Client,
        completed: Any,
        running: dict[Any, Job],
        function: Callable[[Job], Result],
        job: Job,
    ) -> None:
        future = client.submit(function, job, pure=False)
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

    def _count_jobs(self, client: Client) -> int:
        threads = sum(client.nthreads().values())
        return max(MIN_JOBS, JOBS_PER_THREAD * threads)

    @contextmanager
    def _connect(self) -> Iterator[Client]:
        """A client, silent: what it would log is said by a refusal."""
        from distributed import Client

        logger = logging.getLogger("distributed")
        before, seconds = logger.level, self.timeout_seconds
        logger.setLevel(logging.CRITICAL + 1)
        try:
            client = self._reach(Client, seconds)
            try:
                yield client
            finally:
                client.close(timeout=seconds)
        finally:
            logger.setLevel(before)

    def _reach(self, kind: type[Client], seconds: float) -> Client:
        try:
            client = kind(self.address, timeout=seconds, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            limit = f"a scheduler that answers within {seconds:g} s"
            raise ArgumentError("scheduler", self.address, limit) from error
        try:
            client.wait_for_workers(1, timeout=seconds)
        except TimeoutError as error:
            client.close(timeout=seconds)
            limit = f"a scheduler with a worker within {seconds:g} s"
            raise ArgumentError("scheduler", self.address, limit) from error
        return client
