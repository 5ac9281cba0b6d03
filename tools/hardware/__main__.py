"""Write docs/hardware.md, .json and two figures: the accelerator on the shipped model.

python -m tools.hardware             # measure: whole videos, about 10 minutes on two cores
python -m tools.hardware --quick     # a few tokens of four slots
python -m tools.hardware --rewrite   # page and figures from the numbers as they stand
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from fastcar.analysis.report import describe_model
from fastcar.cosim.backends.verilator_backend import VerilatorBackend
from fastcar.cosim.cycles.planner import Planner
from fastcar.reference.video.model import VideoModel, load_video_model
from fastcar.rtl.config import DEMO, AcceleratorConfig
from tools.hardware.claims import PAGE
from tools.hardware.figures import RATIO_NAME, TIMELINE_NAME, draw_figures
from tools.hardware.mapping import (
    INDEPENDENT,
    SOURCES,
    collect_decisions,
    compare_mappings,
    draw_independent,
)
from tools.hardware.model import measure_latencies, trace_ratio, trace_timeline
from tools.hardware.paper import find_fits, predict_paper
from tools.hardware.run import HardwareSettings, Json, MakeBackend, run_videos, show
from tools.page_command import PageCommand, make_parser, write_numbers

REPORT_NAME = "hardware.json"
QUICK = HardwareSettings(
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
    settings: HardwareSettings,
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
    settings: HardwareSettings,
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
    checkpoint: Path, settings: HardwareSettings, config: AcceleratorConfig, runs: dict[str, Json]
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
        "config": config.sizes,
        "runs": runs,
        "mappings": mappings,
        "ratios": trace_ratio(planner, settings),
        "latencies": latencies,
        "timeline": timeline,
        "paper": predict_paper(settings.paper_draws),
        "paper_fits": find_fits(),
    }


def write_report(report: Json, directory: Path) -> list[str]:
    """Replace page, numbers and figures; a line for each claim of the page that is false."""
    draw_figures(report, directory)
    return PAGE.refresh(write_numbers(report, directory / REPORT_NAME), directory)


def measure(arguments: argparse.Namespace) -> Json:
    """The content of hardware.json."""
    settings = QUICK if arguments.quick else HardwareSettings()
    if arguments.frames is not None:
        settings = dataclasses.replace(settings, frames=arguments.frames)
    config = fit_config(load_video_model(arguments.checkpoint))
    measured = arguments.checkpoint, settings, config
    return make_report(*measured, measure_runs(*measured, VerilatorBackend, arguments.processes))


def main() -> int:
    """Command line; the exit code."""
    parser = make_parser(__doc__, quick="a few tokens of four slots", processes=2)
    parser.add_argument("--frames", type=int, help="of the videos of the accelerator")
    outputs = (REPORT_NAME, PAGE.name, TIMELINE_NAME, RATIO_NAME)
    return PageCommand("hardware", outputs, measure, write_report).run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
