"""Settings of Numba that the engine cannot work with are refused in one line."""

from __future__ import annotations

import subprocess
import sys

import numba
import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.kernels.compilation import check_numba
from fastcar.reference.kernels.environment import check_environment

WRONG = [
    ("NUMBA_DISABLE_JIT", "1"),
    ("NUMBA_DISABLE_JIT", "yes"),
    ("NUMBA_NUM_THREADS", "0"),
    ("NUMBA_NUM_THREADS", "-3"),
    ("NUMBA_NUM_THREADS", "two"),
    ("NUMBA_NUM_THREADS", ""),
    ("NUMBA_NUM_THREADS", "9" * 5000),
    ("NUMBA_NUM_THREADS", "100000"),
    ("NUMBA_THREADING_LAYER", "silk"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_what_numba_cannot_work_with_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ArgumentError, match=f"^{name} = .*: must be .*not set"):
        check_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [("NUMBA_DISABLE_JIT", "0"), ("NUMBA_NUM_THREADS", "1"), ("NUMBA_THREADING_LAYER", "omp")],
)
def test_other_settings_pass(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    check_environment()


def test_a_configuration_file_counts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    check_numba()
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    with pytest.raises(ArgumentError, match=r"^NUMBA_DISABLE_JIT = 1: "):
        check_numba()


def test_a_command_refuses_before_numba_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "0")
    options = ["--prompt", "3 up", "--engine", "numba", "--out", "unused"]
    done = subprocess.run(
        [sys.executable, "-m", "fastcar", "generate", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("fastcar: NUMBA_NUM_THREADS = '0': must be from 1 to 1024, or not set\n")
