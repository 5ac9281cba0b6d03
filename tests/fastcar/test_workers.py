"""Worker processes: one thread each, prepared once, gone when something goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.workers import (
    MAX_PROCESSES_PER_CORE,
    WorkerError,
    check_processes,
    get_process_count,
    limit_threads,
    open_pool,
)

WAIT_SECONDS = 60
"""Far beyond what a start takes, so that only a hang meets it."""


def test_products_in_workers_have_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with open_pool(1) as pool:
        found = [pool.submit(os.getenv, f"{name}_NUM_THREADS") for name in ("OPENBLAS", "MKL")]
        assert [future.result() for future in found] == ["1", "1"]
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_limits_are_lifted_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with pytest.raises(KeyboardInterrupt), limit_threads():
        raise KeyboardInterrupt
    assert "OMP_NUM_THREADS" not in os.environ


def test_every_worker_is_prepared(tmp_path: Path) -> None:
    with open_pool(2, os.chdir, (tmp_path,)) as pool:
        found = {future.result() for future in [pool.submit(os.getcwd) for _ in range(8)]}
    assert found == {str(tmp_path)}


def test_an_exception_ends_what_is_under_way() -> None:
    def interrupt() -> None:
        with open_pool(1) as pool:
            future = pool.submit(time.sleep, 3_600)
            while not future.running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    before = set(active_children())
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert set(active_children()) <= before


def test_there_is_at_least_one_core() -> None:
    assert get_process_count() >= 1


def test_a_killed_worker_is_a_refusal() -> None:
    before = set(active_children())
    with (
        pytest.raises(WorkerError, match="processes = 2: a worker was killed"),
        open_pool(2) as pool,
    ):
        pool.submit(signal.raise_signal, signal.SIGKILL).result()
    assert set(active_children()) <= before


def refuse(value: int) -> None:
    raise ArgumentError("value", value, "less")


def test_a_refusal_in_a_worker_is_that_refusal() -> None:
    with pytest.raises(ArgumentError) as caught, open_pool(1) as pool:
        pool.submit(refuse, 3).result()
    assert str(caught.value) == "value = 3: must be less"
    assert caught.value.value == 3


def test_what_cannot_be_prepared_is_a_refusal(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ArgumentError, match="value = 5"), open_pool(1, refuse, (5,)) as pool:
        pool.submit(os.getpid).result()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("processes", [-1, 0, 10**9])
def test_numbers_that_no_machine_takes_are_refused(processes: int) -> None:
    with pytest.raises(
        ArgumentError, match=f"processes = {processes}: must be at least 1 and at most"
    ):
        check_processes(processes)
    with pytest.raises(ArgumentError), open_pool(processes):
        pytest.fail("a pool was opened")


def test_a_core_may_have_some_processes() -> None:
    check_processes(1)
    check_processes(MAX_PROCESSES_PER_CORE * get_process_count())


ORPHANS = """
import os, sys, time
from fastcar.workers import open_pool
if __name__ == "__main__":
    with open_pool(2) as pool:
        futures = [pool.submit(os.getpid) for _ in range(2)]
        jobs = [pool.submit(time.sleep, 3600) for _ in range(2)]
        while not all(job.running() for job in jobs):
            time.sleep(0.01)
        print(*(process.pid for process in pool._processes.values()), flush=True)
        sys.stdin.read()
"""


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """They hold its stdout, which ends with the last of them."""
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert len(workers) == 2
        parent.kill()
        try:
            parent.communicate(timeout=WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
            pytest.fail("workers outlive their parent")


STARTING = """
import os, signal
from fastcar.workers import open_pool
if __name__ == "__mp_main__":  # a worker that still imports what it needs
    os.kill(os.getpid(), signal.SIGINT)
if __name__ == "__main__":
    with open_pool(1) as pool:
        print(pool.submit(abs, -3).result())
"""


def test_an_interruption_does_not_reach_workers_that_start(tmp_path: Path) -> None:
    """A terminal sends it to all processes; the parent alone decides."""
    script = tmp_path / "starting.py"
    script.write_text(STARTING, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_SECONDS,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")
