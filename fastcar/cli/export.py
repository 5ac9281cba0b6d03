"""`fastcar export`: the accelerator as Verilog, with a self-checking testbench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from cosim.export import ExportPackage, ExportRequest, make_package
from fastcar.cli.options import apply_options
from fastcar.output import check_writable_directory, write_directory_atomically
from reference.mlp_engine import DecisionSource
from reference.video.model import SHIPPED_MODEL, load_video_model
from rtl.config import PRESETS

_OPTIONS = (
    click.option(
        "--preset",
        type=click.Choice(list(PRESETS)),
        default=ExportRequest.preset,
        show_default=True,
        help="Sizes of the accelerator; demo is that of the shipped model.",
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        required=True,
        metavar="DIR",
        help="Where the files go.",
    ),
    click.option(
        "--checkpoint",
        type=click.Path(path_type=Path),
        default=SHIPPED_MODEL,
        metavar="DIR",
        help="Video model whose tokens the testbench runs, if its sizes fit.  [the shipped model]",
    ),
    click.option(
        "--source",
        type=click.Choice([source.value for source in DecisionSource]),
        default=DecisionSource.SCORE.value,
        show_default=True,
        help="What decides in the testbench.",
    ),
    click.option(
        "--slots",
        "num_slots",
        type=int,
        default=ExportRequest.num_slots,
        show_default=True,
        metavar="B",
        help="Batch slots in the testbench.",
    ),
    click.option(
        "--layer",
        "layer_index",
        type=int,
        default=ExportRequest.layer_index,
        show_default=True,
        metavar="L",
        help="Layer that the testbench runs.",
    ),
    click.option(
        "--latency",
        "latency_cycles",
        type=int,
        default=ExportRequest.latency_cycles,
        show_default=True,
        metavar="CYCLES",
        help="Of the testbench's memory.",
    ),
    click.option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        help="Of the random model where the checkpoint's sizes do not fit.",
    ),
    click.option("--json", "is_json", is_flag=True, help="Print what was written as JSON."),
)


@click.command()
@apply_options(_OPTIONS)
def export(out: Path, checkpoint: Path, source: str, is_json: bool, **options: Any) -> int:
    """Write the accelerator as Verilog, with a self-checking testbench.

    README.md beside the files has the commands for Icarus, Verilator and FuseSoC.

    \b
    Examples:
      fastcar export --out out/verilog
      fastcar export --preset tiny --source distance --out out/tiny
    """  # noqa: D301 - click reads \b as "keep these lines"
    request = ExportRequest(source=DecisionSource(source), **options)
    check_writable_directory(out)
    package = make_package(request, load_video_model(checkpoint))
    with write_directory_atomically(out) as partial:
        for name, text in package.files.items():
            (partial / name).write_text(text, encoding="utf-8")
    report = build_report(request, package, out)
    click.echo(json.dumps(report, indent=1) if is_json else format_report(report))
    return 0


def build_report(request: ExportRequest, package: ExportPackage, out: Path) -> dict[str, Any]:
    """What was written."""
    recording = package.recording
    return {
        "out": str(out),
        "preset": request.preset,
        "recorded": recording.description,
        "instructions": len(recording.program),
        "cycles": recording.counters.cycles,
        "assertions": len(package.design.assertions),
        "files": {name: len(text.encode()) for name, text in package.files.items()},
    }


def format_report(report: dict[str, Any]) -> str:
    """One line on the testbench, one for each file."""
    lines = [
        f"preset {report['preset']}; testbench: {report['recorded']}, "
        f"{report['instructions']} instructions, {report['cycles']} cycles"
    ]
    width = max(map(len, report["files"]))
    lines += [f"{name:<{width}}  {size:>9} bytes" for name, size in report["files"].items()]
    return "\n".join([*lines, f"in {report['out']}"])
