"""Measure a VILA-U model of the paper's size on this machine: numbers and tables of docs/vila_u.md.

    python -m tools.vila_u.measure [--quick] [--rewrite] [--folder DIR]

Random weights in the published layout, the body in int8, are written to a folder that is removed
at the end (7 GB), and decoded from the middle of a video on; frames are turned into pixels.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.cosim.cycles.workload import WORKLOADS
from fastcar.cosim.depth_prediction import fit_published, predict_depth
from tools.bench.machine import count_cores, describe_machine
from tools.bench.stats import compute_amdahl
from tools.bench.worker import Worker, WorkerError
from tools.page_command import PageCommand, make_parser, write_numbers
from tools.vila_u.page import PAGE
from tools.vila_u.sizes import PRESETS

Json = dict[str, Any]

REPORT_NAME = "vila_u_7b.json"
RATIOS = (0.5, 0.8)
ROUNDS = 3
TURN_TOKENS = 6
"""Few: the whole measurement is to take minutes on two cores."""


def measure(arguments: argparse.Namespace) -> Json:
    """The content of vila_u_7b.json."""
    preset = "tiny" if arguments.quick else "7b"
    threads = count_cores()
    machine = describe_machine()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        model = Path(folder) / "model"
        model.mkdir()
        with Worker("vila", threads=threads) as writer:
            written = writer.ask("write", str(model), preset)
        report = measure_decoding(model, preset, threads)
    report["pixels"] = []
    for is_large in (False, True):
        with Worker("pixels", threads=threads) as player:
            report["pixels"].append(player.ask("decode", preset, is_large))
    return {"machine": machine, "threads": threads, "preset": preset, "written": written} | report


def measure_decoding(folder: Path, preset: str, threads: int) -> Json:
    """Turns of tokens, dense and replaying, in rounds; medians over the rounds."""
    runs: dict[float, list[Json]] = {ratio: [] for ratio in (0.0, *RATIOS)}
    with Worker("vila", threads=threads) as player:
        opened = player.ask("open", str(folder), preset)
        player.ask("burst", 0.0, 1)
        for _ in range(ROUNDS):
            for ratio, answers in runs.items():
                answers.append(player.ask("burst", ratio, TURN_TOKENS))
        memory = player.ask("get_memory")
    speeds = [summarise(ratio, answers, runs[0.0]) for ratio, answers in runs.items()]
    return {**opened, **memory, "speeds": speeds}


def summarise(ratio: float, answers: list[Json], dense: list[Json]) -> Json:
    """Seconds of a token and its parts, against the dense turns of the same rounds.

    `least_share` is what Amdahl's law leaves of a dense token: a step of a layer in which any row
    computes reads all weights of its MLP, so steps in which none does are what replay saves.
    """
    names = answers[0]["parts"]
    parts = {
        name: float(np.median([run["parts"][name] for run in answers])) / TURN_TOKENS
        for name in names
    }
    share = float(np.median([run["parts"]["mlp"] / run["seconds"] for run in dense]))
    counts = np.sum([run["row_counts"] for run in answers], axis=0)
    rows = np.arange(len(counts))
    replayed = 1 - float((counts * rows).sum() / (counts.sum() * rows[-1]))
    idle = float(counts[0] / counts.sum())
    speed_ups = [one["seconds"] / run["seconds"] for run, one in zip(answers, dense, strict=True)]
    return {
        "target_ratio": ratio,
        "replay_ratio": replayed,
        "idle_steps": idle,
        "seconds_per_token": float(np.median([run["seconds"] for run in answers])) / TURN_TOKENS,
        "cpu_seconds_per_token": float(np.median([run["cpu_seconds"] for run in answers]))
        / TURN_TOKENS,
        "parts": parts,
        "mlp_share": share,
        "speed_up": float(np.median(speed_ups)),
        "amdahl_rows": compute_amdahl(share, replayed),
        "amdahl_steps": compute_amdahl(share, idle),
    }


def add_figures(report: Json) -> Json:
    """What follows from the numbers: whole videos, and the depth transformer by its width."""
    sizes = PRESETS[report["preset"]]
    tokens, frames = sizes.tokens_per_frame, sizes.num_frames
    dense = report["speeds"][0]["seconds_per_token"]
    pixels = frames * report["pixels"][0]["seconds"]
    videos = [
        {
            "target_ratio": speed["target_ratio"],
            "codes_seconds": tokens * dense + (frames - 1) * tokens * speed["seconds_per_token"],
            "pixels_seconds": pixels,
        }
        for speed in report["speeds"]
    ]
    paper = WORKLOADS["vila_u_7b_u280"]
    depth = predict_depth(paper, paper.mlp_weight_share, [], 1)
    return report | {"videos": videos, "depth": depth, "published_line": fit_published(paper)}


def write_report(report: Json, directory: Path) -> list[str]:
    """Replace page and numbers; a line for each claim of the page that is false."""
    return PAGE.refresh(write_numbers(add_figures(report), directory / REPORT_NAME), directory)


def main() -> int:
    """Command line; the exit code."""
    parser = make_parser(__doc__, quick="a tiny model")
    parser.add_argument("--folder", type=Path, default=Path("out/vila_u"), help="for the weights")
    command = PageCommand("vila_u", (REPORT_NAME, PAGE.name), measure, write_report)
    try:
        return command.run(parser.parse_args())
    except WorkerError as error:
        print(f"vila_u: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
