"""`fastcar export`: the accelerator as Verilog, with a self-checking testbench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from fastcar.cli.model_option import make_checkpoint_options
from fastcar.cli.options import (
    apply_options,
    choice_option,
    force_option,
    json_option,
    number_option,
    out_option,
    source_option,
    tokens_options,
)
from fastcar.cosim.export.export import make_package
from fastcar.cosim.export.request import ExportRequest
from fastcar.cosim.export.sizes import DEFAULT_SLOTS
from fastcar.cosim.request import DEFAULT_LANES
from fastcar.cosim.verilog.verilog import MODULE_NAME
from fastcar.cosim.whole.scope import Scope
from fastcar.exporting import write_package
from fastcar.folder_output import check_writable_directory
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.token_model import load_clip_model
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.rtl.config import PRESETS

_OPTIONS = (
    choice_option(
        "--preset",
        PRESETS,
        None,
        "Sizes of the accelerator.  [demo where the model has its sizes, else those of the model]",
    ),
    number_option("--cores", None, "Cores, without a preset.  [2]", "C"),
    number_option(
        "--lanes",
        None,
        f"Multipliers of a core, without a preset.  [{DEFAULT_LANES}, fewer for a smaller model]",
        "L",
    ),
    number_option("--batch", None, "Batch slots, without a preset.  [as --slots]", "B"),
    number_option(
        "--queue-depth", None, "Instructions that a core queues, without a preset.  [32]", "I"
    ),
    number_option("--hidden-size", None, "Of random tokens, without a model; with both next.", "D"),
    number_option("--intermediate-size", None, "Inner width of the MLP, likewise.", "F"),
    number_option("--query-size", None, "Width of all query heads, likewise.", "Q"),
    choice_option(
        "--scope",
        [scope.value for scope in Scope],
        None,
        "What the accelerator computes, without a preset: decisions and MLP phase, or everything "
        "from token to token.  [mlp]",
    ),
    number_option(
        "--max-blocks",
        None,
        "Blocks of L keys that a token may see, with --scope decoder.  [all tokens of a row]",
        "M",
    ),
    click.option(
        "--module",
        "module_name",
        metavar="NAME",
        default=MODULE_NAME,
        show_default=True,
        help="Name of the module and of its files; two in one design need two.",
    ),
    out_option("DIR", "Where the files go."),
    force_option,
    *make_checkpoint_options(
        "Model whose tokens the testbench runs: a video model, or with --tokens any Hugging Face "
        "Llama directory.  [moving_digits; random tokens where a preset has other sizes]",
        None,
    ),
    *tokens_options,
    source_option(DecisionSource.SCORE),
    number_option(
        "--slots",
        None,
        f"Batch slots in the testbench.  [{DEFAULT_SLOTS}, fewer where there are fewer]",
        "B",
    ),
    number_option(
        "--layer",
        ExportRequest.layer_index,
        "Layer that the testbench runs.  [0; a preset with attention runs whole tokens: all]",
        "L",
    ),
    number_option(
        "--latency", ExportRequest.latency_cycles, "Of the testbench's memory.", "CYCLES"
    ),
    number_option(
        "--seed",
        ExportRequest.seed,
        "Of the random model, where sizes are given or a preset has others than moving_digits.",
    ),
    json_option,
)


@click.command()
@apply_options(_OPTIONS)
def export(
    out: Path,
    is_forced: bool,
    checkpoint: Path | None,
    tokens: Path | None,
    tokens_per_frame: int | None,
    source: str,
    slots: int | None,
    layer: int | None,
    latency: int,
    is_json: bool,
    **options: Any,
) -> int:
    """Write the accelerator as Verilog, with a self-checking testbench.

    README.md beside the files has the commands for Icarus, Verilator, FuseSoC and Yosys,
    accelerator.md the specification.

    \b
    Examples:
      fastcar export --out out/verilog
      fastcar export --preset tiny --source distance --out out/tiny
      fastcar export --cores 1 --lanes 16 --queue-depth 8 --module small_replay --out out/small
      fastcar export --hidden-size 96 --intermediate-size 256 --query-size 96 --out out/sizes
      fastcar export --checkpoint LLAMA --tokens TOKENS.npz --tokens-per-frame 16 --out out/mine
    """  # noqa: D301 - click reads \b as "keep these lines"
    request = ExportRequest(
        source=DecisionSource(source),
        num_slots=slots,
        layer_index=layer,
        latency_cycles=latency,
        **options,
    )
    check_writable_directory(out, is_forced)
    model = None
    if checkpoint is not None or tokens is not None or tokens_per_frame is not None:
        model = load_clip_model(checkpoint or SHIPPED_MODEL, tokens, tokens_per_frame)
    package = make_package(request, model)
    report = write_package(package, out, is_forced)
    click.echo(json.dumps(report, indent=1) if is_json else format_report(report))
    return 0


def format_report(report: dict[str, Any]) -> str:
    """One line on the testbench, one for each file."""
    lines = [
        f"preset {report['preset']}; testbench: {report['recorded']}, "
        f"{report['instructions']} instructions, {report['cycles']} cycles"
    ]
    width = max(map(len, report["files"]))
    lines += [f"{name:<{width}}  {size:>9} bytes" for name, size in report["files"].items()]
    return "\n".join([*lines, f"in {report['out']}"])
