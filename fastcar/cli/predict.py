"""`fastcar predict`: cycles of layer steps by the cycle model, for sizes that no simulator runs."""

from __future__ import annotations

import json
from typing import Any

import click

from cosim.prediction import DEFAULT_RATIOS, PredictionRequest
from cosim.prediction import predict as predict_cycles
from cosim.prediction_tables import format_report
from cosim.workload import WORKLOADS
from fastcar.cli.console import show_progress
from fastcar.cli.options import apply_options
from reference.mlp_engine import DecisionSource

_DEFAULTS = PredictionRequest()
_OPTIONS = (
    click.option(
        "--preset",
        type=click.Choice(list(WORKLOADS)),
        default=_DEFAULTS.preset,
        show_default=True,
        help="Sizes of the model; demo is the shipped one, with its accelerator.",
    ),
    click.option("--cores", type=int, metavar="C", help="Cores.  [the preset's, if known]"),
    click.option(
        "--lanes", type=int, metavar="L", help="Multipliers of a core.  [the preset's, if known]"
    ),
    click.option("--batch", type=int, metavar="B", help="Batch slots.  [the preset's, if known]"),
    click.option(
        "--latency", type=int, metavar="CYCLES", help="Of the memory.  [the preset's, if known]"
    ),
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
    click.option(
        "--source",
        type=click.Choice([source.value for source in DecisionSource]),
        default=_DEFAULTS.source.value,
        show_default=True,
        help="What decides: attention score or distance of the inputs.",
    ),
    click.option(
        "--draws",
        type=int,
        default=_DEFAULTS.draws,
        show_default=True,
        metavar="K",
        help="Layer steps drawn for each share.",
    ),
    click.option(
        "--seed", type=int, default=_DEFAULTS.seed, show_default=True, help="Of the draws."
    ),
    click.option(
        "--mlp-share",
        type=float,
        metavar="S",
        help="Share of a dense run's time in the MLP phase.  [its share of the weights]",
    ),
    click.option("--clock-mhz", type=float, metavar="F", help="For seconds.  [cycles only]"),
    click.option("--json", "is_json", is_flag=True, help="Print the report as JSON, no tables."),
)


@click.command()
@apply_options(_OPTIONS)
def predict(source: str, is_json: bool, **options: Any) -> int:
    """Predict cycles of layer steps by the cycle model, dense, static and under DRS.

    What a preset does not know has to be given.

    \b
    Examples:
      fastcar predict
      fastcar predict --preset vila_u_7b_u280 --cores 8 --lanes 16 --batch 18 --latency 64
    """  # noqa: D301 - click reads \b as "keep these lines"
    request = PredictionRequest(source=DecisionSource(source), **options)
    with show_progress() as progress:
        report = predict_cycles(request, progress)
    click.echo(json.dumps(report, indent=1, allow_nan=False) if is_json else format_report(report))
    return 0
