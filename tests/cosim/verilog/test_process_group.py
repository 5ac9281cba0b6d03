"""Programs side by side, and their end with whoever started them, whatever they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastcar.cosim.verilog.process_group import run_programs

WAIT_SECONDS = 60
"""Far beyond what a start takes, so that only a hang meets it."""

COMPILER = """
import subprocess, sys
print("here", flush=True)
subprocess.call([sys.executable, "-c", "import time; time.sleep(150)"])
"""
"""A program that starts the real one; both hold the standard output that the test reads."""


def test_outputs_and_statuses_are_those_of_the_programs(tmp_path: Path) -> None:
    commands = [
        [sys.executable, "-c", "import os; print(os.getcwd())"],
        [sys.executable, "-c", "import sys; sys.stderr.write('wrong'); sys.exit(3)"],
        [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"],
        [sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"],
        ["no such program"],
    ]
    found = run_programs(commands, tmp_path)
    assert found == [
        (0, f"{tmp_path}\n"),
        (3, "wrong"),
        (137, ""),
        (0, "''\n"),
        (127, "no such program: No such file or directory\n"),
    ]


def test_programs_see_the_environment_that_they_are_given(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import os; print(os.environ['FASTCAR_WORD'])"]
    environment = os.environ | {"FASTCAR_WORD": "here"}
    assert run_programs([command], tmp_path, environment=environment) == [(0, "here\n")]


def test_a_time_limit_ends_them_all(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMPILER]
    with pytest.raises(subprocess.TimeoutExpired):
        run_programs([command, command], tmp_path, limit_seconds=0.5)


CALLER = f"""
import os, sys
from pathlib import Path
from fastcar.cosim.verilog import process_group
opened = int(sys.argv[1])
start = process_group._start
process_group._start = lambda command, folder, reader, output, environment: start(
    command, folder, reader, opened, environment
)
process_group.run_programs([[sys.executable, "-c", {COMPILER!r}]] * 2, Path.cwd())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_they_end_with_the_caller(number: signal.Signals) -> None:
    """They hold a pipe, which ends with the last of them."""
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, str(writer)],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    ) as caller:
        os.close(writer)
        said = b""
        while said.count(b"here") < 2:
            said += os.read(reader, 100)
        caller.send_signal(number)
    os.set_blocking(reader, False)
    end = time.monotonic() + WAIT_SECONDS
    while not _is_ended(reader):
        assert time.monotonic() < end, "programs outlive their caller"
        time.sleep(0.05)
    os.close(reader)


def _is_ended(reader: int) -> bool:
    try:
        return os.read(reader, 100) == b""
    except BlockingIOError:
        return False
