"""`fastcar quantize`: a Llama directory of floats to one of int8, shard by shard."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from fastcar.api.quantize import quantize as quantize_files
from fastcar.cli.console import show_progress
from fastcar.cli.model_option import make_checkpoint_options
from fastcar.cli.options import apply_options, out_option

_OPTIONS = (
    *make_checkpoint_options(
        "Hugging Face Llama or VILA-U directory of F32, F16, BF16 or F64 weights.",
        None,
        is_required=True,
    ),
    out_option("DIR", "New or empty directory for the int8 checkpoint, or an older one."),
    click.option("--json", "is_json", is_flag=True, help="Print the summary as JSON."),
)


@click.command()
@apply_options(_OPTIONS)
def quantize(checkpoint: Path, out: Path, is_json: bool) -> None:
    """Turn a float checkpoint into int8, a few rows at a time.

    Every projection (and an untied head) becomes int8 with one float32 scale per output row;
    embedding and norms stay float32. Memory holds a few rows, whatever the size of the model.
    The other files of a video model are copied, so every command takes the result with
    --checkpoint; what it computes with are floats, integer times scale. Of a VILA-U directory the
    body is quantised, and float32 runs compute on its integers; the other folders are copied.

    \b
    Example:
      fastcar quantize --checkpoint LLAMA --out out/int8
    """  # noqa: D301 - click reads \b as "keep these lines"
    with show_progress("weights") as update:
        summary = quantize_files(checkpoint, out, progress=partial(update, "quantize"))
    text = f"{summary['layers']} layers, {summary['bytes'] / 1e6:.1f} MB; written to {out}"
    click.echo(json.dumps(summary) if is_json else text)
