"""`fastcar conformance`: check another implementation against the specification."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from fastcar.cli.options import apply_options, file_option
from fastcar.cli.path_type import PATH
from fastcar.conformance.comparison import Outcome
from fastcar.conformance.kit import list_questions
from fastcar.conformance.kit_files import check_inputs, write_kit
from fastcar.conformance.report import draw_badge, format_table, has_passed, make_report
from fastcar.conformance.runner import check_command, judge_command, judge_folder
from fastcar.output import check_no_input, check_writable, write_atomically
from fastcar.reference.errors import ArgumentError

EXIT_FAILED = 1
MAX_TIMEOUT_SECONDS = 86_400

_only = click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="A case or CASE.INSTANCE, may be given again.  [all]",
)
_REPORTS = (
    _only,
    file_option("--report", "FILE.json", "Results for machines."),
    file_option("--badge", "FILE.svg", "Results as a picture of one line."),
)


@click.group()
def conformance() -> None:
    """Check another implementation against the specification, by files.

    \b
    Example:
      fastcar conformance run -- python tools/conformance_torch.py {input} {output}

    What the files hold: docs/conformance.md.
    """  # noqa: D301 - click reads \b as "keep these lines"


@conformance.command("list")
@_only
def list_(only: tuple[str, ...]) -> None:
    """Print all instances with their conditions."""
    questions = list_questions(only)
    width = max(len(question.instance.label) for question in questions)
    for question in questions:
        click.echo(f"{question.instance.label:{width}}  {question.case.condition}")


@conformance.command()
@_only
@click.argument("folder", type=PATH, metavar="DIR")
def write(only: tuple[str, ...], folder: Path) -> None:
    """Write the inputs into DIR, one .npz for each instance, and manifest.json."""
    questions = list_questions(only)
    write_kit(questions, folder)
    click.echo(f"{len(questions)} inputs; written to {folder}")


@conformance.command()
@apply_options(_REPORTS)
@click.argument("folder", type=PATH, metavar="DIR")
@click.argument("answers", type=PATH, metavar="ANSWERS")
def check(folder: Path, answers: Path, only: tuple[str, ...], **files: Path | None) -> None:
    """Compare the files in ANSWERS with what the reference computes from those in DIR.

    Exit code 0: all passed, 1: one failed or was not answered.
    """
    questions = list_questions(only)
    _check_files(files, folder, answers)
    check_inputs(questions, folder)
    if not answers.is_dir():
        raise ArgumentError("answers", str(answers), "a directory")
    _tell(judge_folder(questions, answers), files)


@conformance.command()
@apply_options(_REPORTS)
@click.option(
    "--timeout",
    type=float,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="For one call of the program.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...], timeout: float, only: tuple[str, ...], **files: Any) -> None:
    """Call another program once for each instance and compare what it writes.

    COMMAND stands behind --; {input} and {output} in its words become two paths. Status 3 says that
    the program does not know a case. Exit code 0: all passed, 1: one failed or was not answered.
    """
    if not 0 < timeout <= MAX_TIMEOUT_SECONDS:
        limit = f"above 0 and at most {MAX_TIMEOUT_SECONDS} seconds"
        raise ArgumentError("timeout", timeout, limit)
    questions = list_questions(only)
    check_command(command)
    _check_files(files)
    _tell(list(judge_command(questions, command, timeout)), files)


def _check_files(files: dict[str, Path | None], *inputs: Path) -> None:
    """Refuse before anything is compared what could not be written, or would replace something."""
    for path in files.values():
        if path is not None:
            check_no_input(path, *inputs)
            check_writable(path)
    report, badge = files["report"], files["badge"]
    if badge is not None and report is not None and badge.absolute() == report.absolute():
        raise ArgumentError("badge", str(badge), "another file than report")


def _tell(outcomes: Sequence[Outcome], files: dict[str, Path | None]) -> None:
    """Print, write what was asked for, and end with what came of it."""
    texts: dict[str, Callable[[], str]] = {
        "report": lambda: json.dumps(make_report(outcomes), indent=1, allow_nan=False) + "\n",
        "badge": lambda: draw_badge(outcomes),
    }
    for name, path in files.items():
        if path is not None:
            with write_atomically(path) as partial:
                partial.write_text(texts[name](), encoding="utf-8")
    click.echo(format_table(outcomes))
    if not has_passed(outcomes):
        raise click.exceptions.Exit(EXIT_FAILED)
