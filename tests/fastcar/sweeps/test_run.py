"""Sweeps in this process, in others, and on a Dask scheduler; ended by anything, and equal."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.sweeps.executors import ProcessExecutor, SerialExecutor, open_executor
from fastcar.sweeps.rows import read_rows
from fastcar.sweeps.run import run_sweep
from fastcar.sweeps.spec import parse_spec
from fastcar.workers import WorkerError
from tests.fastcar.sweeps.runs import SMALL, make_small, run_serial, start_python

LONG = SMALL.replace("count = 50", "count = 1500") + "draws = 20\n"
"""90 jobs: more than the time between two files, also on two fast cores."""
WAIT_SECONDS = 300.0
"""More than any start takes, also on a machine that others use."""


def kill(pid: int) -> None:
    """End a process as the system does when memory runs out; used as a job."""
    os.kill(pid or os.getpid(), signal.SIGKILL)


class EndingExecutor(SerialExecutor):
    """Ends after so many jobs."""

    def __init__(self, num_jobs: int) -> None:
        self.num_jobs = num_jobs

    def run(self, function: Any, jobs: Any) -> Iterator[Any]:
        """Until the end."""
        for number, (job, result) in enumerate(super().run(function, jobs)):
            if number == self.num_jobs:
                raise KeyboardInterrupt
            yield job, result


@pytest.mark.slow
def test_a_sweep_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    spec = make_small()
    with pytest.raises(KeyboardInterrupt):
        run_sweep(spec, tmp_path / "ended", EndingExecutor(2))
    assert not (tmp_path / "ended" / "rows.parquet").exists()
    told: list[tuple[int, int]] = []
    result = run_sweep(
        spec, tmp_path / "ended", SerialExecutor(), lambda done, total: told.append((done, total))
    )
    evaluated = result.num_points - result.num_resumed
    assert (result.num_resumed, evaluated) == (200, 100)
    assert told == [(200, 300), (300, 300)]
    assert result.rows_path.read_bytes() == run_serial(spec, tmp_path / "serial")
    again = run_sweep(spec, tmp_path / "ended", SerialExecutor())
    assert again.num_resumed == 300


@pytest.mark.slow
def test_processes_write_the_rows_of_a_serial_sweep(tmp_path: Path) -> None:
    spec = make_small()
    result = run_sweep(spec, tmp_path / "processes", ProcessExecutor(2))
    assert result.rows_path.read_bytes() == run_serial(spec, tmp_path / "serial")


@pytest.mark.slow
def test_a_process_that_is_killed_is_said_in_one_line() -> None:
    with pytest.raises(WorkerError, match="a worker was killed"):
        list(ProcessExecutor(1).run(kill, [0]))


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path: Path, processes: int) -> None:
    spec = tmp_path / "long.toml"
    spec.write_text(LONG)
    out = tmp_path / "killed"
    command = ("-m", "fastcar", "sweep", spec, "--out", out, "--processes", processes)
    process = start_python(*command)
    wait_for(lambda: list_parts(out))
    process.kill()
    process.communicate()
    assert not (out / "rows.parquet").exists()
    rows = [row for path in list_parts(out) for row in read_rows(path)]
    assert 0 < len(rows) < 9000
    again = start_python(*command, "--json")
    report, errors = again.communicate()
    assert again.returncode == 0, errors
    assert json.loads(report)["resumed"] >= len(rows)
    assert (out / "rows.parquet").read_bytes() == run_serial(parse_spec(LONG), tmp_path / "serial")


def list_parts(out: Path) -> list[Path]:
    return list((out / "rows").glob("*.parquet"))


def wait_for(is_so: Any) -> None:
    """Until it is; a test that waits for ever would hang."""
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextmanager
def open_cluster(folder: Path, num_workers: int) -> Iterator[tuple[str, list[Any]]]:
    """A scheduler of `dask` and its workers, processes of this machine; address and workers."""
    file = folder / "scheduler.json"
    local = ("--host", "127.0.0.1", "--no-dashboard")
    running = [
        start_python(
            *("-m", "distributed.cli.dask_scheduler", *local, "--port", 0),
            *("--scheduler-file", file),
        )
    ]
    try:
        wait_for(file.exists)
        wait_for(lambda: "tcp://" in file.read_text())
        address = re.search(r"tcp://[0-9.]+:[0-9]+", file.read_text())
        assert address is not None
        for _ in range(num_workers):
            running.append(
                start_python(
                    *("-m", "distributed.cli.dask_worker", address[0], *local, "--no-nanny"),
                    *("--nthreads", 1, "--local-directory", folder, "--memory-limit", 0),
                )
            )
        yield address[0], running[1:]
    finally:
        for process in reversed(running):
            process.kill()
            process.communicate()


@pytest.mark.slow
def test_a_sweep_on_dask_that_loses_a_worker_is_the_serial_one(tmp_path: Path) -> None:
    spec = parse_spec(LONG)
    lost: list[int] = []
    with open_cluster(tmp_path, 2) as (address, workers):
        wait_for(lambda: count_workers(address) == 2)

        def lose(done: int, total: int) -> None:
            if not lost and 0 < done < total:
                workers[0].kill()
                lost.append(done)

        with open_executor(scheduler=address) as executor:
            result = run_sweep(spec, tmp_path / "dask", executor, lose)
        assert workers[1].poll() is None
    assert lost
    assert 0 < lost[0] < 9000
    assert result.num_resumed == 0
    assert result.rows_path.read_bytes() == run_serial(spec, tmp_path / "serial")


def count_workers(address: str) -> int:
    from distributed import Client

    with Client(address, timeout=WAIT_SECONDS, set_as_default=False) as client:
        return len(client.nthreads())


def test_a_scheduler_that_is_not_there_is_refused_after_the_time_that_was_given() -> None:
    started = time.monotonic()
    with (
        pytest.raises(ArgumentError, match=r"must be a scheduler that answers within 0\.5 s$"),
        open_executor(scheduler="tcp://127.0.0.1:1", timeout_seconds=0.5),
    ):
        pass
    assert time.monotonic() - started < WAIT_SECONDS


def test_a_point_that_cannot_be_is_a_row_and_ends_no_other(tmp_path: Path) -> None:
    spec = parse_spec('scope = "decoder"\n[axes]\nprompts = "3 up"\nframes = [99, 98]')
    result = run_sweep(spec, tmp_path, SerialExecutor())
    assert result.num_refused == 2
    refusals = [row["refusal"] for row in read_rows(result.rows_path)]
    assert refusals == [
        f"frames = {frames}: must be at most 32, the model's position limit" for frames in (99, 98)
    ]
    assert run_sweep(spec, tmp_path, SerialExecutor()).num_resumed == 2


@pytest.mark.parametrize(
    ("axes", "refusal"),
    [
        ("cores = [1, 99]", "cores = 99: must be from 1 to 32"),
        ("ratio = [0.5, 1.5]", r"ratio = 1.5: must be in \[0, 1\]"),
        ('preset = "demos"', "preset = 'demos': must be one of"),
        ('preset = "vila_u_7b_u280"', "cores = None: must be given"),
        ('source = ["score", "scores"]', "source = 'scores'"),
    ],
)
def test_values_outside_of_their_limits_are_refused_before_anything_is_made(
    tmp_path: Path, axes: str, refusal: str
) -> None:
    spec = parse_spec(f'scope = "cycles"\n[axes]\n{axes}')
    with pytest.raises(ArgumentError, match=f"^{refusal}"):
        run_sweep(spec, tmp_path / "out", SerialExecutor())
    assert not list(tmp_path.iterdir())
