"""Write docs/bounds.md and docs/bounds.json: the error bounds attacked, on real tokens, tabulated.

    python -m tools.bounds             # measure, about twelve minutes on two cores
    python -m tools.bounds --rewrite   # the page from docs/bounds.json as it stands

Nothing in docs/ changes before everything is measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastcar.proofs.experiments.certified_gate import SHARES
from fastcar.proofs.registry import STEMS
from fastcar.sweeps.executors import Executor, open_executor
from fastcar.workers import get_process_count
from tools.bounds import measures
from tools.bounds.claims import PAGE
from tools.page_command import PageCommand, make_parser, write_numbers

Json = dict[str, Any]
Job = tuple[Callable[..., Any], tuple[Any, ...]]

REPORT_NAME = "bounds.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class BoundsSettings:
    """How much to measure.

    Attributes:
        attack_cases: of every statement.
        instances: from real tokens, of every statement.
        query_tokens: heads of the table of thresholds.
        layer_tokens: layers of the same.
        pairs: aligned tokens of every layer for the constants.
        decoder_tokens: carried through all layers.
        guarantee_clips: of the certified gate.
        guarantee_frames: likewise.
        guarantee_shares: guaranteed errors.
        attention_clips: of the errors of attention on integers.
        attention_frames: likewise.
    """

    attack_cases: int = 20_000
    instances: int = 50
    query_tokens: int = 1_000
    layer_tokens: int = 100
    pairs: int = 100
    decoder_tokens: int = 50
    guarantee_clips: int = 4
    guarantee_frames: int = 8
    guarantee_shares: tuple[float, ...] = SHARES
    attention_clips: int = 8
    attention_frames: int = 16


QUICK = BoundsSettings(
    attack_cases=200,
    instances=1,
    query_tokens=20,
    layer_tokens=5,
    pairs=5,
    decoder_tokens=2,
    guarantee_clips=1,
    guarantee_frames=3,
    guarantee_shares=(0.0, 0.5),
    attention_clips=1,
    attention_frames=2,
)
"""Enough to fill the page."""


def make_jobs(settings: BoundsSettings, checkpoint: Path) -> dict[str, Job]:
    """Everything to measure by name, what takes longest first."""
    guarantee = (settings.guarantee_clips, settings.guarantee_frames, settings.guarantee_shares)
    thresholds = (checkpoint, settings.query_tokens, settings.layer_tokens)
    attention = (checkpoint, settings.attention_clips, settings.attention_frames)
    attacks: dict[str, Job] = {
        number: (measures.measure_attack, (number, settings.attack_cases))
        for number in sorted(STEMS, reverse=True)
    }
    return {
        "guarantees": (measures.measure_guarantees, (checkpoint, *guarantee)),
        "real": (measures.measure_real_tokens, (checkpoint, settings.instances)),
        "thresholds": (measures.measure_thresholds, thresholds),
        "attention": (measures.measure_integer_attention, attention),
        **attacks,
        "decoder": (measures.measure_decoder, (checkpoint, settings.decoder_tokens)),
        "tightness": (measures.measure_tightness, (checkpoint, settings.pairs)),
        "attention_levels": (measures.measure_attention_levels, (checkpoint, settings.pairs)),
        "corrections": (measures.measure_replay_corrections, (checkpoint, settings.pairs)),
        "rounds": (measures.compute_rounds, ()),
        "latency": (measures.compute_latency, ()),
        "counterexamples": (measures.list_counterexamples, ()),
        "model": (measures.measure_model, (checkpoint,)),
    }


def run_jobs(jobs: dict[str, Job], executor: Executor) -> dict[str, Any]:
    """Results by name; a line on stderr for each as it comes."""
    results: dict[str, Any] = {}
    for (name, _), result in executor.run(run_job, jobs.items()):
        results[name] = result
        done = f"{len(results)} of {len(jobs)}"
        print(f"{time.strftime('%X')} {name} ({done})", file=sys.stderr)
    return results


def run_job(named: tuple[str, Job]) -> Any:
    """One of them, on whatever worker."""
    _, (function, given) = named
    return function(*given)


def measure(settings: BoundsSettings, checkpoint: Path, executor: Executor) -> Json:
    """The content of bounds.json."""
    results = run_jobs(make_jobs(settings, checkpoint), executor)
    attacks = [results.pop(number) for number in STEMS]
    return {
        "schema_version": SCHEMA_VERSION,
        "settings": asdict(settings),
        "attacks": attacks,
        **{name: results[name] for name in sorted(results)},
    }


def write_bounds(report: Json, directory: Path) -> list[str]:
    """Replace numbers and page; a line for each claim of the page that is false."""
    return PAGE.refresh(write_numbers(report, directory / REPORT_NAME), directory)


def main() -> int:
    """Command line; the exit code."""

    def run_measurement(arguments: argparse.Namespace) -> Json:
        settings = QUICK if arguments.quick else BoundsSettings()
        processes = None if arguments.scheduler is not None else arguments.processes
        with open_executor(processes, arguments.scheduler) as executor:
            return measure(settings, arguments.checkpoint, executor)

    parser = make_parser(__doc__, "few cases of everything", get_process_count())
    parser.add_argument("--scheduler", help="workers of this Dask scheduler, no processes")
    command = PageCommand("bounds", (REPORT_NAME, PAGE.name), run_measurement, write_bounds)
    return command.run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
