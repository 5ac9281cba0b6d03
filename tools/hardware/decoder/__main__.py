"""Write docs/decoder_hardware.md and .json: the whole decoder on the accelerator, counted.

python -m tools.hardware.decoder             # measure, about 20 minutes of one core
python -m tools.hardware.decoder --quick     # two frames of four slots
python -m tools.hardware.decoder --area      # what a core takes alone; the other numbers stay
python -m tools.hardware.decoder --rewrite   # the page from the numbers as they stand
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from fastcar.analysis.report import describe_model
from fastcar.cosim.backends.backend import Backend
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.reference.clips import quantize_whole_clip_model
from fastcar.reference.video.model import VideoModel, load_video_model
from fastcar.rtl.config import AcceleratorConfig
from tools.hardware.decoder.area import measure_area, read_config
from tools.hardware.decoder.claims import PAGE
from tools.hardware.decoder.decisions import calibrate
from tools.hardware.decoder.lockstep import Lockstep
from tools.hardware.decoder.measure import Bench, cost_scores, count_runs, make_measured
from tools.hardware.decoder.settings import MODES, DecoderSettings, Json
from tools.hardware.run import show
from tools.page_command import PageCommand, make_parser, read_numbers, write_numbers

REPORT_NAME = "decoder_hardware.json"
QUICK = DecoderSettings(
    frames=2,
    videos=4,
    calibration_clips=2,
    ratios=(0.5,),
    first_tokens=1,
    middle_token=100,
    lockstep_tokens=2,
)


def make_report(
    model: VideoModel,
    settings: DecoderSettings,
    make_backend: Callable[[AcceleratorConfig], Backend],
) -> Json:
    """Everything that the page says."""
    show("scales")
    whole = quantize_whole_clip_model(model, settings.calibration_clips, settings.frames)
    measured = make_measured(model, whole, settings)
    bench, config = Bench(measured), measured.memory_map.config
    show("synthesis of one core")
    area = measure_area(config)
    show("simulated hardware")
    thresholds = calibrate(model, "tas", settings.main_ratio, None, settings)
    lockstep = Lockstep(measured, thresholds, make_backend(config)).run()
    show("dense")
    dense = {
        name: {mode.name: bench.count_dense(sparse, mode) for mode in MODES}
        for name, sparse in settings.attentions.items()
    }
    return {
        "model": describe_model(model),
        "settings": asdict(settings),
        "config": config.sizes,
        "prompt_tokens": measured.num_prompt,
        "fed_tokens": measured.num_fed,
        "area": area,
        "lockstep": lockstep,
        "dense": dense,
        "scores": list(cost_scores(bench)),
        "replay": count_runs(bench),
    }


def write_report(report: Json, directory: Path) -> list[str]:
    """Replace page and numbers; a line for each claim of the page that is false."""
    return PAGE.refresh(write_numbers(report, directory / REPORT_NAME), directory)


def measure(arguments: argparse.Namespace) -> Json:
    """The content of decoder_hardware.json."""
    if arguments.area:
        report: Json = read_numbers(arguments.out / REPORT_NAME)
        return report | {"area": measure_area(read_config(report["config"]))}
    settings = QUICK if arguments.quick else DecoderSettings()
    return make_report(load_video_model(arguments.checkpoint), settings, NativeBackend)


def main() -> int:
    """Command line; the exit code."""
    parser = make_parser(__doc__, quick="two frames of four slots")
    parser.add_argument("--area", action="store_true", help="what a core takes, nothing else")
    command = PageCommand("decoder", (REPORT_NAME, PAGE.name), measure, write_report)
    return command.run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
