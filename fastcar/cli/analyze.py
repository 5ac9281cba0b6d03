"""`fastcar analyze`: the paper's figures and open questions, measured on a video model."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fastcar.analysis.settings import AnalysisSettings, choose_settings
from fastcar.cli.console import show_progress, warn
from fastcar.cli.model_option import make_checkpoint_options
from fastcar.cli.options import (
    apply_options,
    force_option,
    out_option,
    tokens_options,
)
from fastcar.ending import end_at_once_inside
from fastcar.extras import check_installed
from fastcar.folder_output import check_writable_directory, write_directory_atomically
from fastcar.reference.token_model import load_clip_model
from fastcar.workers import check_processes, get_process_count

_OPTIONS = (
    *make_checkpoint_options("Video model, or with --tokens any Hugging Face Llama directory."),
    *tokens_options,
    click.option(
        "--clips",
        type=int,
        help=f"Held-out clips to measure on.  [{AnalysisSettings().clips}; 4 with --quick]",
    ),
    click.option(
        "--seed", type=int, default=0, show_default=True, help="Of the random control gate."
    ),
    click.option("--quick", is_flag=True, help="Fewer clips and frames, wider errors."),
    click.option(
        "--processes",
        type=int,
        default=get_process_count,
        help="Processes that run side by side.  [one per core]",
    ),
    out_option("DIR", "Directory for findings.md, figures and report.json."),
    force_option,
    click.option("--json", "is_json", is_flag=True, help="Print the report as JSON, no text."),
)


@click.command()
@apply_options(_OPTIONS)
def analyze(
    checkpoint: Path,
    tokens: Path | None,
    tokens_per_frame: int | None,
    clips: int | None,
    seed: int,
    quick: bool,
    processes: int,
    out: Path,
    is_forced: bool,
    is_json: bool,
) -> None:
    """Measure where replay stands on a model: time, similarity, gates, drift.

    What needs pixels is left out for a checkpoint that is no video model.

    \b
    Examples:
      fastcar analyze --quick --out out/findings
      fastcar analyze --clips 32 --out out/findings
      fastcar analyze --checkpoint LLAMA --tokens TOKENS.npz --tokens-per-frame 16 --out out/mine
    """  # noqa: D301 - click reads \b as "keep these lines"
    with end_at_once_inside():
        check_installed("matplotlib", "skimage")  # imported where figures and frames are there
        from fastcar.analysis.report import analyze as run_analysis
        from fastcar.analysis.report import write_report
        from fastcar.analysis.training import describe_untrained

    check_processes(processes)
    check_writable_directory(out, is_forced)
    model = load_clip_model(checkpoint, tokens, tokens_per_frame)
    settings = choose_settings(model, clips, seed, quick)
    with write_directory_atomically(out, "analyze", is_forced) as partial:
        with show_progress("known jobs", is_one_bar=True) as progress:
            report = run_analysis(model, settings, processes, progress)
        names = [path.relative_to(partial) for path in write_report(report, partial)]
    if not report["training"]["is_trained"]:
        warn(describe_untrained(report["training"]))
    if is_json:
        click.echo(json.dumps(report, allow_nan=False))
        return
    for answer in report["answers"]:
        click.echo(f"{answer['question']}\n  {answer['answer']}")
    click.echo(f"written to {out}: {names[0]}, {names[1]}, {len(names) - 2} figures")
