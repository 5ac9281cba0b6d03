"""Threads that share every product give the bits of one, and all of them end at a refusal."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.reference.kernels.frame import team_runs
from tests.reference.kernels.frame.test_runner_refusals import CASES

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

TIMEOUT_SECONDS = 600
"""For what takes some seconds, and a minute where kernels are compiled: threads that wait for one
another for ever are no error that a test in this process could report."""


def test_a_team_decodes_and_refuses_as_one_thread() -> None:
    program = f"from {team_runs.__name__} import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT_SECONDS
    )
    assert done.returncode == 0, done.stderr
    num_runs = len(list(team_runs.list_generations())) + len(CASES)
    assert int(done.stdout) == len(team_runs.TEAMS) * num_runs
