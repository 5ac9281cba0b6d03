"""`fastcar prove`: the statements of `proofs`, checked on decoded tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from fastcar.cli.console import show_progress
from fastcar.cli.model_option import make_checkpoint_options
from fastcar.cli.options import (
    apply_options,
    file_option,
    json_option,
    number_option,
    tokens_per_frame_option,
)
from fastcar.cli.path_type import PATH
from fastcar.output import check_no_input, check_writable, write_atomically
from fastcar.proving import CERTIFIED_INSTANCES, MAX_INSTANCES, Request
from fastcar.proving import prove as run_checks
from fastcar.workers import check_processes, get_process_count

EXIT_VIOLATED = 1
LIMITS = ", ".join(f"{number}: at most {most}" for number, most in MAX_INSTANCES.items())

_OPTIONS = (
    click.option(
        "--statement",
        "numbers",
        multiple=True,
        metavar="P-nn",
        help="Statement to check, may be given again.  [all]",
    ),
    *make_checkpoint_options("Video model, or any Hugging Face Llama directory."),
    click.option(
        "--tokens",
        type=PATH,
        metavar="TOKENS.npz",
        help="Integer arrays prompt_ids [B,P], forced_ids [B,S].  [clips, or random tokens]",
    ),
    tokens_per_frame_option,
    number_option(
        "--instances",
        Request().num_instances,
        f"Instances of each statement ({LIMITS}).",
        "K",
    ),
    number_option("--seed", 0, "Of clips, tokens and places."),
    click.option(
        "--certify",
        is_flag=True,
        help=f"Also compute up to {CERTIFIED_INSTANCES} instances of each in balls, a proof for "
        "these, and prove scheduler, weights and reciprocal for all inputs.",
    ),
    click.option(
        "--processes",
        type=int,
        default=get_process_count,
        help="Processes that check side by side.  [one per core]",
    ),
    file_option("--out", "FILE.json", "Where the report goes, besides the table."),
    json_option,
)


@click.command()
@apply_options(_OPTIONS)
def prove(
    numbers: tuple[str, ...],
    checkpoint: Path,
    tokens: Path | None,
    tokens_per_frame: int | None,
    instances: int,
    seed: int,
    certify: bool,
    processes: int,
    out: Path | None,
    is_json: bool,
) -> int:
    """Check the error bounds on decoded tokens, statement by statement.

    Exit code 1 if a statement is violated or an obligation is not proved.

    \b
    Examples:
      fastcar prove
      fastcar prove --statement P-04 --certify --out out/p04.json
    """  # noqa: D301 - click reads \b as "keep these lines"
    check_processes(processes)
    request = Request(numbers, checkpoint, instances, seed, certify, tokens, tokens_per_frame)
    if out is not None:
        check_no_input(out, tokens, checkpoint)
        check_writable(out)
    with show_progress("checks", is_one_bar=True) as progress:
        report = run_checks(request, processes, progress)
    text = json.dumps(report, indent=1, allow_nan=False)
    if out is not None:
        with write_atomically(out) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    click.echo(text if is_json else format_report(report))
    return 0 if report["holds"] else EXIT_VIOLATED


def format_report(report: dict[str, Any]) -> str:
    """The table, and one line on what the tokens are."""
    tokens = report["tokens"]
    header = (
        f"{report['checkpoint']}, {tokens['source']}: {tokens['rows']} rows of "
        f"{tokens['fed_tokens']} tokens, {report['replay_ratio']:.0%} replayed"
    )
    columns = ("", "title", "instances", "worst", "median", "vacuous", "certified", "verdict")
    lines = [columns, *(_format_outcome(outcome) for outcome in report["statements"])]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ["  ".join(map(_pad, line, widths, range(len(line)))).rstrip() for line in lines]
    legend = (
        "worst, median: left / right; certified: holds/undecided/violated, or obligations proved"
    )
    return "\n".join([header, *rows, legend])


def _format_outcome(outcome: dict[str, Any]) -> tuple[str, ...]:
    return (
        outcome["number"],
        outcome["title"],
        str(outcome["num_instances"]),
        _format_ratio(outcome["worst_ratio"]),
        _format_ratio(outcome["median_ratio"]),
        "-" if outcome["vacuous_share"] is None else f"{outcome['vacuous_share']:.0%}",
        format_certified(outcome["certified"], outcome["obligations"]),
        _get_verdict(outcome),
    )


def _get_verdict(outcome: dict[str, Any]) -> str:
    if outcome["holds"]:
        return "holds"
    if not outcome["num_instances"]:
        return "no instance"
    violated = outcome["num_violations"] or (outcome["certified"] or {}).get("violated")
    return "VIOLATED" if violated else "NOT PROVED"


def _pad(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if 2 <= column <= 6 else cell.ljust(width)


def _format_ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.4f}"


def format_certified(
    certified: dict[str, int] | None, obligations: dict[str, int] | None = None
) -> str:
    """Instances that hold, are undecided, are violated; or obligations; '-' if there are none.

    >>> format_certified({"holds": 3, "violated": 0, "undecided": 1})
    '3/1/0'
    >>> format_certified(None, {"expected": 9, "found": 9, "discharged": 8})
    '8 of 9'
    """
    if obligations is not None:
        return f"{obligations['discharged']} of {obligations['expected']}"
    if certified is None:
        return "-"
    return "/".join(str(certified[verdict]) for verdict in ("holds", "undecided", "violated"))
