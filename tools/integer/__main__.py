"""Write docs/integer_quality.md and .json: the integer decoder against float on the shipped model.

python -m tools.integer             # measure, about a minute on two cores
python -m tools.integer --rewrite   # the page from the numbers as they stand
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from fastcar.analysis.report import describe_model
from fastcar.reference.video.model import VideoModel, load_video_model
from tools.integer.measures import IntegerSettings, Json, measure_model
from tools.integer.page import PAGE, format_forced
from tools.page_command import PageCommand, make_parser, write_numbers

REPORT_NAME = "integer_quality.json"


def make_report(model: VideoModel, settings: IntegerSettings) -> Json:
    """Everything that the page says."""
    return {"model": describe_model(model), "settings": asdict(settings)} | measure_model(
        model, settings
    )


def write_report(report: Json, directory: Path) -> list[str]:
    """Replace page and numbers; a line for each claim of the page that is false."""
    return PAGE.refresh(write_numbers(report, directory / REPORT_NAME), directory)


def measure(arguments: argparse.Namespace) -> Json:
    """The content of integer_quality.json."""
    report = make_report(load_video_model(arguments.checkpoint), IntegerSettings())
    print(format_forced(report))
    return report


def main() -> int:
    """Command line; the exit code."""
    command = PageCommand("integer", (REPORT_NAME, PAGE.name), measure, write_report)
    return command.run(make_parser(__doc__).parse_args())


if __name__ == "__main__":
    sys.exit(main())
