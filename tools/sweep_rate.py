"""Write docs/sweep_rate.md: points of the cycle model in a minute, before and after, and keys.

    python -m tools.sweep_rate             # measure, about two minutes
    python -m tools.sweep_rate --points N  # compiled points that are measured

The interpreted model evaluates the same points one after the other in one process; the sweep has
all that a sweep does: processes, rows, files.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.cycles.step_counts import InterpretedCounter
from fastcar.cosim.prediction import predict_system
from fastcar.cosim.prediction_request import make_preset_system
from fastcar.output import write_atomically
from fastcar.provenance import get_processor
from fastcar.sweeps.evaluate_cycles import evaluate, make_request
from fastcar.sweeps.executors import open_executor
from fastcar.sweeps.keys import DIGESTS, REFUSAL, SCOPES, Key
from fastcar.sweeps.points import Point
from fastcar.sweeps.rows import read_rows
from fastcar.sweeps.run import run_sweep
from fastcar.sweeps.spec import SweepSpec, parse_spec
from tools.markdown import format_table
from tools.paths import DOCS

PAGE_NAME = "sweep_rate.md"
PROCESSES = 2
INTERPRETED_POINTS = 200
SPEC = """
scope = "cycles"
[axes]
preset = "vila_u_7b_u280"
cores = [2, 4, 8, 16]
lanes = [16, 64]
batch = [8, 18, 32]
latency = [16, 64]
ratio = [0.2, 0.35, 0.5, 0.65, 0.8]
seed = {{ count = {count} }}
"""
COMBINATIONS = 4 * 2 * 3 * 2 * 5


def make_spec(num_points: int) -> SweepSpec:
    """A sweep of about so many points, at the sizes of the paper's model."""
    return parse_spec(SPEC.format(count=max(1, num_points // COMBINATIONS)))


@dataclass(frozen=True)
class Rate:
    """How fast points were evaluated.

    Attributes:
        points: how many.
        seconds: wall clock.
        processor_seconds: of all processes together.
    """

    points: int
    seconds: float
    processor_seconds: float

    def format(self, cores: int) -> list[str]:
        """Points, points in a minute, and in a minute of so many cores that do nothing else."""
        free = 60 * cores * self.points / self.processor_seconds
        return [f"{self.points:,}", f"{60 * self.points / self.seconds:,.0f}", f"{free:,.0f}"]


@contextmanager
def measure(points: int) -> Iterator[list[Rate]]:
    """The rate of the block, in the list behind it."""
    found: list[Rate] = []
    wall, processor = time.perf_counter(), count_processor_seconds()
    yield found
    seconds = time.perf_counter() - wall
    found.append(Rate(points, seconds, count_processor_seconds() - processor))


def count_processor_seconds() -> float:
    """Of this process and all its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure_interpreted(points: tuple[Point, ...]) -> Rate:
    """The cycle model in words; each point equal to the compiled one."""
    rows = []
    with measure(len(points)) as found:
        for point in points:
            request = make_request(point.values)
            system = make_preset_system(request)
            counter = InterpretedCounter(Planner(system.config, (system.workload.blank_layer,)))
            rows.append(predict_system(request, system, counter)["rows"][0]["drs_cycles"])
    if rows != [evaluate(point.values)["drs_cycles"] for point in points]:
        raise RuntimeError("compiled and interpreted cycle model differ")
    return found[0]


def measure_sweep(spec: SweepSpec) -> Rate:
    """A sweep, start of processes and files included."""
    with tempfile.TemporaryDirectory() as folder:
        with measure(len(spec.points)) as found, open_executor(PROCESSES) as executor:
            result = run_sweep(spec, Path(folder) / "rows", executor)
        assert len(read_rows(result.rows_path)) == len(spec.points)
    return found[0]


def format_rates(interpreted: Rate, compiled: Rate) -> str:
    """Both rates."""
    lines = [
        ["cycle model in words, one process", *interpreted.format(1)],
        [f"sweep, compiled, {PROCESSES} processes", *compiled.format(PROCESSES)],
    ]
    return format_table(["", "points", "in a minute", "in a minute of free cores"], lines)


def format_keys(keys: tuple[Key, ...]) -> str:
    """A table of columns."""
    lines = [f"| `{key.name}` | {key.kind} | {key.meaning} |" for key in keys]
    return "\n".join(["| name | kind | meaning |", "| --- | --- | --- |", *lines])


def format_tables() -> str:
    """Keys and results of every scope."""
    parts = ["## Columns of every row", "", format_keys((*DIGESTS, REFUSAL)), ""]
    for scope in SCOPES.values():
        parts += [f"## Keys of scope {scope.name}", "", format_keys(scope.keys), ""]
        parts += [f"## Results of scope {scope.name}", "", format_keys(scope.results), ""]
    return "\n".join(parts)


def format_page(interpreted: Rate, compiled: Rate) -> str:
    """The page."""
    return "\n".join(
        [
            "# Keys, columns and speed of sweeps",
            "",
            "Written by `python -m tools.sweep_rate`; [sweep.md](sweep.md) says how to use them.",
            "",
            "## Speed",
            "",
            format_rates(interpreted, compiled),
            "",
            "Layer steps of VILA-U 7B with 8 to 32 slots, one draw a point, files included, "
            f"on {get_processor()}. Free cores: by the processor time of all processes, where "
            "others used the machine as well.",
            "",
            format_tables(),
        ]
    )


def main() -> int:
    """Command line; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--points", type=int, default=100_000, help="of the compiled model")
    parser.add_argument("--out", type=Path, default=DOCS, help="directory of the page")
    options = parser.parse_args()
    spec = make_spec(options.points)
    step = max(1, len(spec.points) // INTERPRETED_POINTS)
    interpreted = measure_interpreted(spec.points[::step][:INTERPRETED_POINTS])
    compiled = measure_sweep(spec)
    with write_atomically(options.out / PAGE_NAME) as path:
        path.write_text(format_page(interpreted, compiled), encoding="utf-8")
    print(format_rates(interpreted, compiled))
    return 0


if __name__ == "__main__":
    sys.exit(main())
