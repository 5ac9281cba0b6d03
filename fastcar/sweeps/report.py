"""A sweep as a command asks for it, and what it reports."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcar.extras import check_installed
from fastcar.output import check_writable
from fastcar.reference.errors import ArgumentError
from fastcar.reference.progress import Progress
from fastcar.sweeps.executors import open_executor
from fastcar.sweeps.keys import CYCLES
from fastcar.sweeps.pareto import choose_front, draw_front, load_quality
from fastcar.sweeps.rows import read_rows
from fastcar.sweeps.run import SCHEMA_VERSION, run_sweep
from fastcar.sweeps.spec import SweepSpec

PathLike = str | os.PathLike[str]
Report = dict[str, Any]


@dataclass(frozen=True)
class SweepRequest:
    """Where a sweep runs and what it leaves.

    Attributes:
        out: folder of the rows.
        processes: workers on this machine; None = one for each core, or none with a scheduler.
        scheduler: address of a Dask scheduler.
        timeout: seconds in which it has to answer.
        plot: PNG file of the Pareto front; None = none.
        quality: rows of scope decoder for it; None = none.
        example: whose report is added; None = none.
    """

    out: PathLike
    processes: int | None = None
    scheduler: str | None = None
    timeout: float = 10.0
    plot: PathLike | None = None
    quality: PathLike | None = None
    example: str | None = None


def run_request(spec: SweepSpec, request: SweepRequest, progress: Progress | None = None) -> Report:
    """Rows, perhaps a plot, and the report.

    Raises:
        FastCarError: see `fastcar.api.sweep`.
    """
    _check_plot(spec, request)
    quality = None if request.quality is None else load_quality(request.quality)
    with open_executor(request.processes, request.scheduler, request.timeout) as executor:
        result = run_sweep(spec, request.out, executor, progress)
    rows = read_rows(result.rows_path)
    report: Report = {
        "schema_version": SCHEMA_VERSION,
        "scope": spec.scope.name,
        "spec_sha256": spec.digest,
        "rows": str(result.rows_path),
        "points": result.num_points,
        "resumed": result.num_resumed,
        "refused": result.num_refused,
        "first_refusal": next((row["refusal"] for row in rows if row["refusal"]), None),
    }
    if spec.scope is CYCLES:
        report["front"] = choose_front(rows, quality)
    if request.plot is not None:
        draw_front(rows, report["front"], Path(request.plot))
    if request.example == "paper":
        from fastcar.sweeps.paper import compare_with_paper

        report["paper"] = compare_with_paper(rows)
    return report


def _check_plot(spec: SweepSpec, request: SweepRequest) -> None:
    if request.quality is not None and spec.scope is not CYCLES:
        raise ArgumentError("quality", str(request.quality), "given with scope cycles")
    if request.plot is None:
        return
    if spec.scope is not CYCLES:
        raise ArgumentError("plot", str(request.plot), "given with scope cycles")
    check_writable(request.plot)
    if Path(request.plot).suffix.lower() != ".png":
        raise ArgumentError("plot", str(request.plot), "a file that ends with .png")
    check_installed("matplotlib")
