"""Worker processes: one thread each, prepared once, gone when something goes wrong."""

from __future__ import annotations

import os
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from fastcar.workers import get_process_count, limit_threads, open_pool


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
