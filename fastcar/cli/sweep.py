"""`fastcar sweep`: many points, rows into Parquet, on as many processors as there are."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fastcar.api.sweep import sweep as run
from fastcar.cli.console import note, show_progress
from fastcar.cli.options import apply_options, choice_option, json_option, number_option, out_option
from fastcar.cli.path_type import PATH
from fastcar.sweeps.examples import EXAMPLES
from fastcar.sweeps.tables import format_report

_OPTIONS = (
    click.argument("spec", type=PATH, required=False, metavar="SPEC.toml"),
    choice_option("--example", EXAMPLES, None, "A sweep of ours, in place of SPEC.toml."),
    out_option("DIR", "Rows go to DIR/rows.parquet; the same sweep goes on where it was."),
    number_option("--processes", None, "Workers on this machine.  [one for each core]", "N"),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Workers of this Dask scheduler, as tcp://127.0.0.1:8786, in place of processes.",
    ),
    number_option("--timeout", 10.0, "In which a scheduler must answer.", "SECONDS", float),
    click.option(
        "--plot", type=PATH, metavar="FILE.png", help="Pareto front of time and DSP blocks."
    ),
    click.option(
        "--quality",
        type=PATH,
        metavar="ROWS.parquet",
        help="Rows of a sweep of scope decoder: the plot shows quality at each ratio.",
    ),
    json_option,
)


@click.command()
@apply_options(_OPTIONS)
def sweep(
    spec: Path | None,
    example: str | None,
    out: Path,
    processes: int | None,
    scheduler: str | None,
    timeout: float,
    plot: Path | None,
    quality: Path | None,
    is_json: bool,
) -> int:
    """Evaluate many points of cycle model, decoder or co-simulation, rows into Parquet.

    SPEC.toml says scope, axes and points; docs/sweep.md has every key. A sweep that was ended by
    anything goes on with the same call.

    \b
    Examples:
      fastcar sweep --example paper --out out/paper
      fastcar sweep mine.toml --out out/mine --plot out/mine.png
      fastcar sweep mine.toml --out out/mine --scheduler tcp://127.0.0.1:8786
    """  # noqa: D301 - click reads \b as "keep these lines"
    with show_progress("points", tells_end=True) as progress:
        report = run(
            spec,
            example=example,
            out=out,
            processes=processes,
            scheduler=scheduler,
            timeout=timeout,
            plot=plot,
            quality=quality,
            progress=progress,
        )
    if report["refused"]:
        note(
            f"{report['refused']} of {report['points']} points were refused, the first: "
            f"{report['first_refusal']}"
        )
    click.echo(json.dumps(report, indent=1, allow_nan=False) if is_json else format_report(report))
    return 0
