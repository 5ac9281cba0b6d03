"""`fastcar.sweep`: many points of cycle model, decoder or co-simulation."""

from __future__ import annotations

from functools import partial

from fastcar.api.types import PathLike, Report
from fastcar.reference.arguments import check_argument
from fastcar.reference.errors import ArgumentError
from fastcar.reference.progress import StageProgress
from fastcar.sweeps.examples import EXAMPLES
from fastcar.sweeps.report import SweepRequest, run_request
from fastcar.sweeps.spec import parse_spec, read_spec


def sweep(
    spec: PathLike | None = None,
    *,
    out: PathLike,
    example: str | None = None,
    processes: int | None = None,
    scheduler: str | None = None,
    timeout: float = 10.0,
    plot: PathLike | None = None,
    quality: PathLike | None = None,
    progress: StageProgress | None = None,
) -> Report:
    r"""Evaluate every point of a sweep that has no row yet, and write rows.parquet.

    Args:
        spec: sweep file, see docs/sweep.md.
        out: folder of the rows, a new one or that of the same sweep, which goes on.
        example: name of a sweep that comes with us, "paper", in place of `spec`.
        processes: workers on this machine; None = one for each core.
        scheduler: address of a Dask scheduler, in place of `processes`.
        timeout: seconds in which the scheduler has to answer.
        plot: PNG file, Pareto front of time and DSP blocks, of scope cycles.
        quality: rows of a sweep of scope decoder, for the plot.
        progress: called with stage, points done, points in all.

    Returns:
        The report, JSON values, described in docs/sweep.md.

    Raises:
        ArgumentError: an argument of the wrong type or outside its limits.
        CheckpointError: a sweep file or a model that cannot be used.
        OutputError: what cannot be written, or a folder that holds something else.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     spec = Path(folder) / "mine.toml"
    ...     _ = spec.write_text("scope = 'cycles'\n[axes]\ncores = [1, 2]\nseed = [3, 4]")
    ...     report = sweep(spec, out=Path(folder) / "rows", processes=1)
    >>> report["points"], report["resumed"], report["refused"]
    (4, 0, 0)
    """
    check_argument("spec", spec, PathLike | None)
    check_argument("example", example, str | None)
    if (spec is None) == (example is None):
        raise ArgumentError("spec", spec, "given, or else an example")
    if example is not None and example not in EXAMPLES:
        raise ArgumentError("example", example, f"one of {', '.join(EXAMPLES)}")
    request = SweepRequest(
        check_argument("out", out, PathLike),
        check_argument("processes", processes, int | None),
        check_argument("scheduler", scheduler, str | None),
        check_argument("timeout", timeout, float),
        check_argument("plot", plot, PathLike | None),
        check_argument("quality", quality, PathLike | None),
        example,
    )
    found = read_spec(spec) if spec is not None else parse_spec(EXAMPLES[str(example)])
    return run_request(found, request, None if progress is None else partial(progress, "sweep"))
