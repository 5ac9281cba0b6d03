"""Runs jobs on a model, each once, on several processes; questions share their results."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol, TypeVar, cast

from fastcar.analysis.calibrated import Calibrated, CalibrationRequest
from fastcar.analysis.runs import RunRequest, Setup
from fastcar.analysis.settings import AnalysisSettings
from fastcar.reference.calibration import compute_eligible_ratio
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.progress import StageProgress
from fastcar.workers import open_pool

Result_co = TypeVar("Result_co", covariant=True)
Result = TypeVar("Result")


class Job(Hashable, Protocol[Result_co]):
    """A hashable request that a model executes."""

    def execute(self, model: ClipModel) -> Result_co:
        """Run it; the result must be picklable."""
        ...


def set_engine(job: Job[Result], engine: str) -> Job[Result]:
    """The same job on another engine; one that names none, and decodes nothing, as it is."""
    if not hasattr(job, "engine"):
        return job
    moved: Job[Result] = replace(cast(Any, job), engine=engine)
    return moved


_worker_models: list[ClipModel] = []
"""The model of a worker process, loaded once by `_load_model`."""


def _load_model(load: Callable[[], ClipModel]) -> None:
    _worker_models.append(load())


def _execute(job: Job[Any]) -> Any:
    return job.execute(_worker_models[0])


class Workbench:
    """A model with settings, a memory of results and a pool of processes.

    Args:
        model: with `processes` > 1 it is loaded again in each process, from its files.
        settings: how much to measure.
        processes: workers; 1 runs everything in this process.
        progress: told before and after every job.
    """

    def __init__(
        self,
        model: ClipModel,
        settings: AnalysisSettings,
        processes: int = 1,
        progress: StageProgress | None = None,
    ) -> None:
        settings.check(model)
        self.model = model
        self.settings = settings
        self.progress = progress
        self.label = ""
        self._results: dict[Any, Any] = {}
        self._known = 0
        self._processes = processes
        self._stack = ExitStack()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workbench:
        if self._processes > 1:
            workers = open_pool(self._processes, _load_model, (self.model.get_loader(),))
            self._pool = self._stack.enter_context(workers)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool = None
        self._stack.__exit__(kind, error, trace)

    def run_all(self, jobs: Sequence[Job[Result]]) -> list[Result]:
        """Results in the order of the jobs, on the engine of the settings, each run once."""
        jobs = [set_engine(job, self.settings.engine) for job in jobs]
        fresh = [job for job in dict.fromkeys(jobs) if job not in self._results]
        self._known += len(fresh)
        self._report()
        if self._pool is None:
            for job in fresh:
                self._keep(job, job.execute(self.model))
        else:
            futures = {self._pool.submit(_execute, job): job for job in fresh}
            for future in as_completed(futures):
                self._keep(futures[future], future.result())
        return [self._results[job] for job in jobs]

    def _keep(self, job: Any, result: Any) -> None:
        self._results[job] = result
        self._report()

    def _report(self) -> None:
        if self.progress is not None:
            self.progress(self.label, len(self._results), self._known)

    def calibrate(
        self, setups: Sequence[Setup], ratios: tuple[float, ...], corrections: int = 1
    ) -> list[dict[float, Calibrated]]:
        """Thresholds of every set-up by target ratio; `corrections` multiplies corrective runs."""
        settings = self.settings
        jobs = [
            CalibrationRequest(
                settings.calibration_clips,
                settings.frames,
                setup,
                ratios,
                corrections * settings.corrective_runs,
            )
            for setup in setups
        ]
        return self.run_all(jobs)

    def make_request(self, setup: Setup, calibrated: Calibrated | None = None) -> RunRequest:
        """A teacher-forced run on the held-out clips."""
        thresholds = () if calibrated is None else calibrated.thresholds
        return RunRequest(self.settings.clips, self.settings.frames, setup, thresholds)

    def make_control(self, gate: str, ratio: float, setup: Setup | None = None) -> RunRequest:
        """A run of a control gate at a share `ratio` of all fed tokens and layers."""
        base = Setup() if setup is None else setup
        ceiling = self.settings.compute_ceiling(self.model.tokens_per_frame)
        return RunRequest(
            self.settings.clips,
            self.settings.frames,
            Setup(gate, window_tokens=base.window_tokens),
            ratio=compute_eligible_ratio(ratio, ceiling),
            seed=self.settings.seed,
        )
