"""`fastcar export`: the accelerator as Verilog, with a self-checking testbench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from fastcar.cli.options import (
    apply_options,
    checkpoint_option,
    choice_option,
    json_option,
    number_option,
    out_option,
    source_option,
)
from fastcar.cosim.export.export import ExportPackage, ExportRequest, make_package
from fastcar.output import check_writable_directory, write_directory_atomically
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.video.model import load_video_model
from fastcar.rtl.config import PRESETS

_OPTIONS = (
    choice_option(
        "--preset",
        PRESETS,
        ExportRequest.preset,
        "Sizes of the accelerator; demo is that of the shipped model.",
    ),
    out_option("DIR", "Where the files go."),
    checkpoint_option("Video model whose tokens the testbench runs, if its sizes fit."),
    source_option(DecisionSource.SCORE),
    number_option("--slots", ExportRequest.num_slots, "Batch slots in the testbench.", "B"),
    number_option("--layer", ExportRequest.layer_index, "Layer that the testbench runs.", "L"),
    number_option(
        "--latency", ExportRequest.latency_cycles, "Of the testbench's memory.", "CYCLES"
    ),
    number_option(
        "--seed",
        ExportRequest.seed,
        "Of the random model where the checkpoint's sizes do not fit.",
    ),
    json_option,
)


@click.command()
@apply_options(_OPTIONS)
def export(
    out: Path,
    checkpoint: Path,
    source: str,
    slots: int,
    layer: int,
    latency: int,
    is_json: bool,
    **options: Any,
) -> int:
    """Write the accelerator as Verilog, with a self-checking testbench.

    README.md beside the files has the commands for Icarus, Verilator and FuseSoC,
    accelerator.md the specification.

    \b
    Examples:
      fastcar export --out out/verilog
      fastcar export --preset tiny --source distance --out out/tiny
    """  # noqa: D301 - click reads \b as "keep these lines"
    request = ExportRequest(
        source=DecisionSource(source),
        num_slots=slots,
        layer_index=layer,
        latency_cycles=latency,
        **options,
    )
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
