"""`fastcar report`: one HTML file of what runs wrote, to look at and to pass on."""

from __future__ import annotations

from pathlib import Path

import click

from fastcar.cli.options import apply_options
from fastcar.cli.path_type import PATH
from fastcar.ending import end_at_once_inside
from fastcar.extras import check_installed

_OPTIONS = (
    click.argument("runs", nargs=-1, required=True, type=PATH, metavar="RUN_DIR..."),
    click.option(
        "--out",
        "-o",
        type=PATH,
        required=True,
        metavar="FILE.html",
        help="Where the page goes; a report of ours there is replaced, nothing else is.",
    ),
)


@click.command()
@apply_options(_OPTIONS)
def report(runs: tuple[Path, ...], out: Path) -> None:
    """Show runs in one HTML file that needs no network.

    RUN_DIR is a directory or a JSON file that generate, cosim, analyze, prove or sweep wrote.

    \b
    Examples:
      fastcar report out/demo/input out/demo/tas -o out/report.html
      fastcar report out/cosim.json out/p04.json -o out/hardware.html
    """  # noqa: D301 - click reads \b as "keep these lines"
    with end_at_once_inside():
        check_installed("vl_convert", "PIL")
        from fastcar.html_report.output import write_html_report

    found = write_html_report(runs, out)
    num_bytes = out.stat().st_size
    click.echo(f"written to {out}: {len(found)} run(s), {num_bytes / 1e6:.1f} MB")
