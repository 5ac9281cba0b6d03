"""Small sweeps, and processes that run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fastcar.sweeps.evaluate import Row
from fastcar.sweeps.executors import SerialExecutor
from fastcar.sweeps.run import run_sweep
from fastcar.sweeps.spec import SweepSpec, parse_spec

SMALL = """
scope = "cycles"
[axes]
cores = [1, 2, 3]
ratio = [0.25, 0.75]
seed = { first = 0, count = 50 }
"""
"""300 points, three jobs."""


def make_small() -> SweepSpec:
    return parse_spec(SMALL)


def run_serial(spec: SweepSpec, out: Path) -> bytes:
    """The content of rows.parquet."""
    return run_sweep(spec, out, SerialExecutor()).rows_path.read_bytes()


def list_digests(rows: list[Row]) -> list[str]:
    return [row["point_sha256"] for row in rows]


def start_python(*arguments: object) -> subprocess.Popen[str]:
    """A Python process whose output is taken."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
