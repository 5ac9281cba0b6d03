"""Programs that end with whoever started them, and with everything that they started.

A compiler is a small program that starts the real one, so ending the first is not enough: each
runs in a process group, which is ended as a whole when something goes wrong here. Where nothing can
be done here any more (SIGKILL), a watcher in the group does it, at the end of a pipe that nobody
but the caller holds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from fastcar.reference.signals import hold_signals

WATCHER = """
import os, signal, subprocess, sys, threading
def watch():
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=watch, daemon=True).start()
try:
    status = subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL)
except OSError as error:
    print(sys.argv[1] + ":", error.strerror, flush=True)
    status = 127
os._exit(status if status >= 0 else 128 - status)
"""
"""Runs the program that its arguments name; its standard input is the pipe."""


def run_programs(
    commands: Sequence[Sequence[str]],
    folder: Path,
    limit_seconds: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[tuple[int, str]]:
    """Run programs side by side.

    Args:
        commands: each a program with its arguments.
        folder: working directory.
        limit_seconds: for all together; None lets them run.
        environment: its variables; None = those of this process.

    Returns:
        Exit status (128 + n for signal n) and output of each, standard output and errors together.

    Raises:
        subprocess.TimeoutExpired: the time is over; they have been ended.
    """
    end = None if limit_seconds is None else time.monotonic() + limit_seconds
    with ExitStack() as opened:
        reader, writer = os.pipe()
        opened.callback(os.close, reader)
        opened.callback(os.close, writer)
        outputs = [opened.enter_context(tempfile.TemporaryFile()) for _ in commands]
        processes: list[subprocess.Popen[bytes]] = []
        try:
            with hold_signals():
                for command, output in zip(commands, outputs, strict=True):
                    processes.append(_start(command, folder, reader, output.fileno(), environment))
            for process in processes:
                process.wait(None if end is None else max(0.0, end - time.monotonic()))
        except BaseException:
            with hold_signals():
                for process in processes:
                    _end(process)
            raise
        return [
            (process.returncode, _read(output))
            for process, output in zip(processes, outputs, strict=True)
        ]


def _start(
    command: Sequence[str],
    folder: Path,
    reader: int,
    output: int,
    environment: Mapping[str, str] | None,
) -> subprocess.Popen[bytes]:
    watched = [sys.executable, "-I", "-S", "-c", WATCHER, *map(os.fspath, command)]
    return subprocess.Popen(
        watched,
        cwd=folder,
        env=environment,
        stdin=reader,
        stdout=output,
        stderr=subprocess.STDOUT,
        process_group=0,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group; its first process is not waited for before, so that it is still it."""
    with suppress(ProcessLookupError, PermissionError):
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")
