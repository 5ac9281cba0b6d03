"""Write docs/hardware.md, .json and two figures: the accelerator on the shipped model.

python -m tools.hardware             # measure: whole videos, about 10 minutes on two cores
python -m tools.hardware --quick     # a few tokens of four slots
python -m tools.hardware --rewrite   # page and figures from the numbers as they stand
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from fastcar.analysis.report import describe_model
from fastcar.cosim.backends.verilator_backend import VerilatorBackend
from fastcar.cosim.cycles.planner import Planner
from fastcar.output import write_atomically
from fastcar.reference.video.model import SHIPPED_MODEL, VideoModel, load_video_model
from fastcar.rtl.config import DEMO, AcceleratorConfig
from tools.hardware.figures import draw_figures
from tools.hardware.mapping import (
    INDEPENDENT,
    SOURCES,
    collect_decisions,
    compare_mappings,
    draw_independent,
)
from tools.hardware.model import measure_latencies, trace_ratio, trace_timeline
from tools.hardware.page import make_page
from tools.hardware.paper import find_fits, predict_paper
from tools.hardware.run import Json, MakeBackend, Settings, run_videos, show
from tools.paths import DOCS

REPORT_NAME, PAGE_NAME = "hardware.json", "hardware.md"
QUICK = Settings(
    frames=2,
    videos=4,
    calibration_clips=2,
    calibration_frames=3,
    table_slots=(4,),
    table_frames=3,
    sampled_steps=20,
    latencies_cycles=(1, 4),
    paper_draws=4,
)


def fit_config(model: VideoModel) -> AcceleratorConfig:
    """The preset demo with the sizes of a model."""
    config = model.config
    return dataclasses.replace(
        DEMO,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        query_size=config.num_attention_heads * config.head_dim,
    )


def measure_run(
    checkpoint: Path,
    settings: Settings,
    config: AcceleratorConfig,
    make_backend: MakeBackend,
    name: str,
) -> Json:
    """Videos of one decision source."""
    model = load_video_model(checkpoint)
    integer_model = settings.calibration.quantize(model)
    calibration = dataclasses.replace(settings.calibration, ratio=settings.ratio)
    thresholds = calibration.calibrate(model, name)
    return run_videos(model, integer_model, name, thresholds, make_backend(config), settings)


def measure_runs(
    checkpoint: Path,
    settings: Settings,
    config: AcceleratorConfig,
    make_backend: MakeBackend,
    processes: int,
) -> dict[str, Json]:
    """Videos of both decision sources."""
    measure = partial(measure_run, checkpoint, settings, config, make_backend)
    if processes == 1:
        return {name: measure(name) for name in SOURCES}
    with ProcessPoolExecutor(processes) as pool:
        return dict(zip(SOURCES, pool.map(measure, SOURCES), strict=True))


def make_report(
    checkpoint: Path, settings: Settings, config: AcceleratorConfig, runs: dict[str, Json]
) -> Json:
    """Everything that the page says: the runs, and what the cycle model adds."""
    model = load_video_model(checkpoint)
    integer_model = settings.calibration.quantize(model)
    planner = Planner(config, integer_model.layers)
    mappings = []
    timeline: Json = {}
    latencies: list[Json] = []
    for ratio in settings.table_ratios:
        for name in SOURCES:
            show(f"mappings: {name}, {ratio:.0%} replayed")
            flags = collect_decisions(model, integer_model, name, ratio, settings)
            mappings += compare_mappings(planner, name, ratio, flags, settings.table_cores)
            if not timeline:
                timeline = trace_timeline(planner, flags)
                latencies = measure_latencies(planner, flags, settings)
        for num_slots in settings.table_slots:
            show(f"mappings: {num_slots} independent slots, {ratio:.0%} replayed")
            flags = draw_independent(ratio, num_slots, settings)
            mappings += compare_mappings(planner, INDEPENDENT, ratio, flags, settings.table_cores)
    return {
        "model": describe_model(model),
        "settings": dataclasses.asdict(settings),
        "config": dataclasses.asdict(config),
        "runs": runs,
        "mappings": mappings,
        "ratios": trace_ratio(planner, settings),
        "latencies": latencies,
        "timeline": timeline,
        "paper": predict_paper(settings.paper_draws),
        "paper_fits": find_fits(),
    }


def write_report(report: Json, directory: Path) -> None:
    """Replace page, numbers and figures."""
    numbers = json.dumps(report, indent=1, allow_nan=False) + "\n"
    page = make_page(json.loads(numbers))
    draw_figures(report, directory)
    for name, text in ((REPORT_NAME, numbers), (PAGE_NAME, page)):
        with write_atomically(directory / name) as partial_file:
            partial_file.write_text(text, encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=DOCS, help="directory of the page")
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED_MODEL, help="video model")
    parser.add_argument("--frames", type=int, help="of the videos of the accelerator")
    parser.add_argument("--quick", action="store_true", help="a few tokens of four slots")
    parser.add_argument("--rewrite", action="store_true", help="measure nothing anew")
    parser.add_argument("--processes", type=int, default=2, help="workers, 1 or 2")
    arguments = parser.parse_args()
    if arguments.rewrite:
        report = json.loads((arguments.out / REPORT_NAME).read_text(encoding="utf-8"))
    else:
        settings = QUICK if arguments.quick else Settings()
        if arguments.frames is not None:
            settings = dataclasses.replace(settings, frames=arguments.frames)
        config = fit_config(load_video_model(arguments.checkpoint))
        measured = arguments.checkpoint, settings, config
        runs = measure_runs(*measured, VerilatorBackend, arguments.processes)
        report = make_report(*measured, runs)
    write_report(report, arguments.out)


if __name__ == "__main__":
    main()
