"""Programs that others wrote: found, run, and asked for their version.

Tools from pip come before tools on PATH, so that documented results have one version.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fastcar.cosim.verilog.process_group import run_programs
from fastcar.reference.errors import ArgumentError, FastCarError

MAX_COMPLAINT_LINES = 3
"""Lines of a failed tool's output that its error repeats."""


class ToolError(FastCarError):
    """A tool refused its input."""


class ToolTimeoutError(ToolError):
    """A tool did not end in time."""


def find_tool(name: str, extra: str) -> str:
    """Path of a program.

    Args:
        name: of the program, as pip installs it.
        extra: of this package that brings it.

    Raises:
        ArgumentError: it is neither beside the interpreter nor on PATH.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise ArgumentError(name, "not found", f"installed: pip install 'fastcar[{extra}]'")
    return found


def run_tool(
    command: Sequence[str],
    folder: Path,
    log: Path | None = None,
    limit_seconds: float | None = None,
    complaint: re.Pattern[str] | None = None,
) -> str:
    """Output of a program that runs in `folder`, standard output and errors together.

    Args:
        command: program, found by `find_tool`, and arguments. Files are named relative to `folder`.
        folder: working directory; the WebAssembly tools see files below it and in /tmp only.
        log: where the output is kept, whether the program succeeds or not.
        limit_seconds: it is stopped after this time; None lets it run.
        complaint: its error repeats the first line of the output in which this is found; where
            there is none, the last lines.

    Raises:
        ToolTimeoutError: it was stopped; there is no log.
        ToolError: its exit status is not 0.
    """
    name = _get_name(command)
    try:
        [(status, output)] = run_programs([command], folder, limit_seconds)
    except subprocess.TimeoutExpired as error:
        raise ToolTimeoutError(f"{name}: stopped after {limit_seconds:.0f} seconds") from error
    if log is not None:
        log.write_text(output, encoding="utf-8")
    return check_status(command, status, output, complaint)


def check_status(
    command: Sequence[str], status: int, output: str, complaint: re.Pattern[str] | None = None
) -> str:
    """The output of a program that succeeded.

    Raises:
        ToolError: its exit status is not 0; see `run_tool`.
    """
    if status:
        lines = output.strip().splitlines()
        named = [line.strip() for line in lines if complaint is not None and complaint.search(line)]
        said = " / ".join(named[:1] or lines[-MAX_COMPLAINT_LINES:])
        raise ToolError(f"{_get_name(command)}: exit {status}: {said}")
    return output


def _get_name(command: Sequence[str]) -> str:
    is_module = len(command) > 2 and command[1] == "-m"
    return command[2] if is_module else Path(command[0]).name


def get_tool_version(name: str, extra: str = "hdl") -> str:
    """Name and version as a program prints them, without a remark that holds paths."""
    output = run_tool([find_tool(name, extra), "--version"], Path.cwd())
    line = output.strip().splitlines()[-1]
    return re.sub(r" \([^()]*/[^()]*\)", "", line)
