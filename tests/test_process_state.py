"""Every test is watched for what it leaves behind, and the watch sees each kind of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.process_state import get_process_state, watch_process_state


def leave_handler() -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)


def leave_ignored_signal() -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def leave_directory() -> None:
    os.chdir(Path(__file__).parent)


def leave_new_variable() -> None:
    os.environ["FASTCAR_LEFT_BEHIND"] = "1"


def leave_other_value() -> None:
    os.environ["PATH"] += ":/left"


def leave_no_variable() -> None:
    del os.environ["PATH"]


@pytest.mark.parametrize(
    ("offend", "told"),
    [
        (leave_handler, f"signal_handlers {signal.SIGTERM.value}: "),
        (leave_ignored_signal, f"signal_handlers {signal.SIGUSR1.value}: "),
        (leave_directory, "directory: "),
        (leave_new_variable, "environment FASTCAR_LEFT_BEHIND: None became '1'"),
        (leave_other_value, "environment PATH: "),
        (leave_no_variable, "environment PATH: "),
    ],
)
def test_what_is_left_is_told_and_put_back(
    offend: Callable[[], None], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = get_process_state()
    with pytest.raises(AssertionError, match=r"^left changed: ") as caught, watch_process_state():
        offend()
    assert str(caught.value).splitlines()[0].removeprefix("left changed: ").startswith(told)
    assert get_process_state() == before


def test_what_is_put_back_is_not_told(tmp_path: Path) -> None:
    with watch_process_state(), pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PATH", "")


def test_every_test_is_watched(request: pytest.FixtureRequest) -> None:
    assert "process_state" in request.fixturenames
