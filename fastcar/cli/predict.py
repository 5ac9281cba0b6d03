"""`fastcar predict`: cycles of layer steps by the cycle model, for sizes that no simulator runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from fastcar.cli.console import show_progress
from fastcar.cli.model_option import make_checkpoint_options
from fastcar.cli.options import (
    apply_options,
    choice_option,
    json_option,
    number_option,
    source_option,
    tokens_options,
)
from fastcar.cosim.cycles.workload import WORKLOADS
from fastcar.cosim.prediction_request import DEFAULT_PRESET, DEFAULT_RATIOS, PredictionRequest
from fastcar.cosim.prediction_tables import format_report
from fastcar.predicting import predict_checkpoint
from fastcar.reference.integer.mlp_engine import DecisionSource

_DEFAULTS = PredictionRequest()
_KNOWN = "[the preset's, if known]"
_OPTIONS = (
    choice_option(
        "--preset",
        WORKLOADS,
        None,
        "Sizes of the model; demo is moving_digits, with its accelerator.  "
        f"[{DEFAULT_PRESET}, or those of the checkpoint]",
    ),
    *make_checkpoint_options(
        "Sizes of this Llama or VILA-U directory; decisions measured on its clips, or on --tokens.",
        None,
    ),
    *tokens_options,
    number_option("--cores", None, f"Cores.  {_KNOWN}", "C"),
    number_option("--lanes", None, f"Multipliers of a core.  {_KNOWN}", "L"),
    number_option("--batch", None, f"Batch slots.  {_KNOWN}", "B"),
    number_option("--latency", None, f"Of the memory.  {_KNOWN}", "CYCLES"),
    click.option(
        "--ratio",
        "ratios",
        type=float,
        multiple=True,
        default=DEFAULT_RATIOS,
        show_default=True,
        metavar="R",
        help="Replayed share, may be given again.",
    ),
    source_option(_DEFAULTS.source),
    number_option("--draws", _DEFAULTS.draws, "Layer steps for each share.", "K"),
    number_option("--seed", _DEFAULTS.seed, "Of the draws."),
    number_option(
        "--mlp-share",
        None,
        "Share of a dense run's time in the MLP phase.  [its share of the weights]",
        "S",
        float,
    ),
    number_option("--clock-mhz", None, "For seconds.  [cycles only]", "F", float),
    json_option,
)


@click.command()
@apply_options(_OPTIONS)
def predict(
    source: str,
    checkpoint: Path | None,
    tokens: Path | None,
    tokens_per_frame: int | None,
    is_json: bool,
    **options: Any,
) -> int:
    """Predict cycles of layer steps by the cycle model, dense, static and under DRS.

    What a preset does not know has to be given. Of a checkpoint without clips and tokens the
    sizes alone are read, and decisions are drawn.

    \b
    Examples:
      fastcar predict
      fastcar predict --preset vila_u_7b_u280 --cores 8 --lanes 16 --batch 18 --latency 64
      fastcar predict --checkpoint LLAMA --tokens TOKENS.npz --tokens-per-frame 16 --cores 4
    """  # noqa: D301 - click reads \b as "keep these lines"
    request = PredictionRequest(source=DecisionSource(source), **options)
    with show_progress() as progress:
        report = predict_checkpoint(request, checkpoint, tokens, tokens_per_frame, progress)
    click.echo(json.dumps(report, indent=1, allow_nan=False) if is_json else format_report(report))
    return 0
