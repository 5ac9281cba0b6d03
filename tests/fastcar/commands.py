"""Run the real command line in this process, and say what it printed and left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from fastcar.cli import console
from fastcar.cli.main import COMMANDS, run

API_COMMANDS = tuple(name for name in COMMANDS if name not in ("conformance", "report"))
"""Those that have a Python function of their name."""
MODEL_COMMANDS = tuple(name for name in API_COMMANDS if name != "sweep")
"""Those that take a model."""

A_DAY_SECONDS = 86_400.0

SPEC = ("--engine", "numpy")
"""The specification; without it what is compiled on this machine decides what computes (D-51)."""

QUICK = ("--frames", "2", "--repeats", "1", "--calibration-clips", "1", *SPEC)
"""Options that make `fastcar generate` short."""


@dataclass(frozen=True)
class Outcome:
    """Exit code and streams of a command."""

    status: int
    out: str
    err: str


def run_command(capsys: pytest.CaptureFixture[str], *arguments: object) -> Outcome:
    """Run `fastcar` with the given arguments."""
    capsys.readouterr()
    # lines about progress depend on the speed of the machine
    with patch.object(console, "LINE_SECONDS", A_DAY_SECONDS):
        status = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return Outcome(status, captured.out, captured.err)


def check_refused(outcome: Outcome, words: Sequence[str]) -> None:
    """One line on stderr with all the words, exit code 2, nothing on stdout."""
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.startswith("fastcar: ")
    assert outcome.err.count("\n") == 1
    for word in words:
        assert word in outcome.err


def list_files(directory: Path) -> list[str]:
    """Names of everything below a directory."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))
