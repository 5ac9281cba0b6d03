"""How long `fastcar generate` takes from its start to the first token of a video.

    python -m tools.bench.start START ARGUMENTS..

runs the command and ends at the first token, printing the seconds since START (of `time.time`).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import numpy as np

from tools.bench.worker import WorkerError
from tools.paths import ROOT

OPTIONS = ("--prompt", "3 right-down", "--tau", "0.2", "--engine", "numba")
"""With a threshold no calibration runs first."""


def measure_start(rounds: int, options: tuple[str, ...] = OPTIONS) -> dict[str, Any]:
    """Median seconds to the first token; a first start warms the compilation cache."""
    seconds = [run_once(options) for _ in range(rounds + 1)]
    return {
        "options": shlex.join(options),
        "first_start_seconds": seconds[0],
        "seconds": float(np.median(seconds[1:])),
    }


def run_once(options: tuple[str, ...]) -> float:
    """Start the command and wait for its first token."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.time()
        command = [sys.executable, "-m", "tools.bench.start", repr(start), "generate", *options]
        done = subprocess.run(
            [*command, "--out", str(Path(folder) / "out")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
    if done.returncode:
        shown = f"fastcar generate {shlex.join(options)}"
        raise WorkerError(f"{shown}: ended with exit code {done.returncode}")
    return float(done.stdout)


def main() -> None:
    """Run the command line with a tap where the first token is known."""
    start, arguments = float(sys.argv[1]), sys.argv[2:]
    from fastcar.cli.main import run

    def stop(*_: object) -> NoReturn:
        os.write(1, f"{time.time() - start}\n".encode())
        os._exit(0)

    # the likelihood of a token is computed when it has been drawn
    with patch("fastcar.reference.token_loop.compute_nats", stop):
        sys.exit(run(arguments) or 1)


if __name__ == "__main__":
    main()
