"""Write docs/integer_quality.md and .json: integer decoders against float on the shipped model.

python -m tools.integer             # measure, about five minutes
python -m tools.integer --rewrite   # the page from the numbers as they stand
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from fastcar.analysis.report import describe_model
from fastcar.reference.video.model import VideoModel, load_video_model
from tools.integer.caches import measure_caches
from tools.integer.measures import IntegerSettings, Json, measure_model
from tools.integer.page import PAGE, format_caches, format_forced
from tools.integer.whole import measure_whole
from tools.page_command import PageCommand, make_parser, write_numbers

REPORT_NAME = "integer_quality.json"


def make_report(model: VideoModel, settings: IntegerSettings) -> Json:
    """Everything that the page says."""
    described = {"model": describe_model(model), "settings": asdict(settings)}
    measured = measure_model(model, settings)
    thresholds = {name: gate["thresholds"] for name, gate in measured["gates"].items()}
    return (
        described
        | measured
        | {
            "whole": measure_whole(model, settings, thresholds),
            "caches": measure_caches(model, settings, thresholds),
        }
    )


def write_report(report: Json, directory: Path) -> list[str]:
    """Replace page and numbers; a line for each claim of the page that is false."""
    return PAGE.refresh(write_numbers(report, directory / REPORT_NAME), directory)


def measure(arguments: argparse.Namespace) -> Json:
    """The content of integer_quality.json."""
    report = make_report(load_video_model(arguments.checkpoint), IntegerSettings())
    print(format_forced(report["gates"]))
    print(format_forced(report["whole"]))
    print(format_caches(report["caches"]))
    return report


def main() -> int:
    """Command line; the exit code."""
    command = PageCommand("integer", (REPORT_NAME, PAGE.name), measure, write_report)
    return command.run(make_parser(__doc__).parse_args())


if __name__ == "__main__":
    sys.exit(main())
