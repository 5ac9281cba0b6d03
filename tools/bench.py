"""Speed of the reference decoder, as ratios within one run: `make bench`.

    python -m tools.bench [--quick]

Replay against the dense run and Amdahl's law, the cost of the MLP by rows, and the time of one
video of the shipped model. Numbers, figure and page go to docs/performance.{json,png,md}.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from reference.video.model import SHIPPED_MODEL, load_video_model
from reference.weights import make_random_weights
from tools.bench_linear import CHOSEN, measure_linear
from tools.bench_replay import SPEED_UP_TARGET, make_bench_config, measure_replay
from tools.bench_report import format_page, format_replay_table, save_figure
from tools.markdown import fill_paragraphs
from tools.prompted_videos import PromptedSettings, generate_prompted, make_prompts

BATCHES = (1, 8)
ROUNDS = 12
QUICK_ROUNDS = 2
VIDEO_SECONDS_TARGET = 10.0


def describe_machine() -> dict[str, Any]:
    """Processor, cores this process may use, versions, threads of the linear algebra library."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "processor": _get_processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "blas_threads": _get_blas_threads(),
    }


def _get_processor() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def _get_blas_threads() -> int:
    """As the library itself reports it; threadpoolctl comes with scikit-learn."""
    threadpoolctl = importlib.import_module("threadpoolctl")
    pools = threadpoolctl.threadpool_info()
    return max(int(pool["num_threads"]) for pool in pools if pool["user_api"] == "blas")


def measure_video(checkpoint: Path) -> dict[str, Any]:
    """Seconds of one guided video from the prompt alone, dense, model already loaded."""
    model = load_video_model(checkpoint)
    frames = model.geometry.frames
    prompts = model.draw_starts(make_prompts(1)[:1], seed=0)
    start = time.perf_counter()
    generate_prompted(model, prompts, PromptedSettings(), frames, seed=0)
    return {
        "frames": frames,
        "tokens": frames * model.geometry.tokens_per_frame,
        "seconds": time.perf_counter() - start,
        "target_seconds": VIDEO_SECONDS_TARGET,
    }


def measure(checkpoint: Path, rounds: int) -> dict[str, Any]:
    """All measurements."""
    machine = describe_machine()
    print(json.dumps(machine), file=sys.stderr, flush=True)
    config = make_bench_config()
    weights = make_random_weights(config, np.random.default_rng(0))
    linear = measure_linear(config, weights, rounds)
    speeds = [
        asdict(speed)
        for rows in BATCHES
        for speed in measure_replay(config, weights, rows, rounds, linear[CHOSEN])
    ]
    return {
        "machine": machine,
        "config": asdict(config),
        "rounds": rounds,
        "target_share": SPEED_UP_TARGET,
        "replay": speeds,
        "linear_milliseconds": {
            name: {str(rows): cost for rows, cost in costs.items()}
            for name, costs in linear.items()
        },
        "video": measure_video(checkpoint),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, for a first look")
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED_MODEL, help="default: shipped")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="default: %(default)s")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = measure(arguments.checkpoint, QUICK_ROUNDS if arguments.quick else ROUNDS)
    (arguments.out / "performance.json").write_text(json.dumps(results, indent=1) + "\n")
    save_figure(results, arguments.out / "performance.png")
    (arguments.out / "performance.md").write_text(fill_paragraphs(format_page(results)))
    print(format_replay_table(results))
    video = results["video"]
    print(f"one video of {video['frames']} frames: {video['seconds']:.1f} s")


if __name__ == "__main__":
    main()
