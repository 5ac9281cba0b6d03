"""Write the tables of docs/native_simulation.md and their numbers.

python -m tools.native_speed             # about a quarter of an hour of processor time
python -m tools.native_speed --quick     # a FIFO, one layer step, one build, eight tokens
python -m tools.native_speed --rewrite   # the page from the numbers as they stand
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from fastcar.cosim.backends.verilator_build import find_verilator
from fastcar.rtl.config import DEMO
from tools.native_speed.accelerator import (
    REQUEST,
    SIZES,
    measure_builds,
    measure_loops,
    measure_video,
    record_layers,
)
from tools.native_speed.designs import DESIGNS
from tools.native_speed.measures import Json, measure_designs
from tools.native_speed.page import PAGE
from tools.page_command import PageCommand, make_parser, write_numbers

REPORT_NAME = "native_simulation.json"


def measure(arguments: argparse.Namespace) -> Json:
    """The content of native_simulation.json."""
    find_verilator()
    if arguments.quick:
        few = replace(REQUEST, batch=2, num_tokens=1)
        return {
            "rows": measure_designs(DESIGNS[:1], rounds=1),
            "loops": measure_loops(record_layers(few), replace(DEMO, num_slots=2), rounds=1),
            "builds": measure_builds(SIZES[:1]),
            "video": measure_video(replace(few, num_tokens=8)),
        }
    show("designs")
    report: Json = {"rows": measure_designs(DESIGNS)}
    show("layer steps of the accelerator")
    report["loops"] = measure_loops(record_layers(REQUEST), DEMO)
    show("builds")
    report["builds"] = measure_builds()
    show("videos")
    report["video"] = measure_video()
    return report


def show(stage: str) -> None:
    """What is measured now."""
    print(f"native_speed: {stage}", file=sys.stderr, flush=True)


def write_report(report: Json, directory: Path) -> list[str]:
    """Replace page and numbers; a line for each claim of the page that is false."""
    return PAGE.refresh(write_numbers(report, directory / REPORT_NAME), directory)


def main() -> int:
    """Command line; the exit code."""
    command = PageCommand("native_speed", (REPORT_NAME, PAGE.name), measure, write_report)
    return command.run(make_parser(__doc__, quick="little of everything").parse_args())


if __name__ == "__main__":
    sys.exit(main())
