"""Write the tables of docs/native_simulation.md and their numbers.

python -m tools.native_speed             # about a quarter of an hour of processor time
python -m tools.native_speed --quick     # a FIFO, one layer step, one build, eight tokens
python -m tools.native_speed --resting   # what resting groups are worth alone; the others stay
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
from tools.native_speed.resting import DECODER_REQUEST, measure_resting
from tools.page_command import PageCommand, make_parser, read_numbers, write_numbers

REPORT_NAME = "native_simulation.json"


def measure(arguments: argparse.Namespace) -> Json:
    """The content of native_simulation.json."""
    if arguments.resting:
        return read_numbers(arguments.out / REPORT_NAME) | {"resting": measure_resting()}
    find_verilator()
    if arguments.quick:
        few = replace(REQUEST, batch=2, num_tokens=1)
        return {
            "rows": measure_designs(DESIGNS[:1], rounds=1),
            "loops": measure_loops(record_layers(few), replace(DEMO, num_slots=2), rounds=1),
            "builds": measure_builds(SIZES[:1]),
            "video": measure_video(replace(few, num_tokens=8)),
            "resting": measure_resting(replace(DECODER_REQUEST, batch=2), 1, num_layers=1),
        }
    show("designs")
    report: Json = {"rows": measure_designs(DESIGNS)}
    show("layer steps of the accelerator")
    report["loops"] = measure_loops(record_layers(REQUEST), DEMO)
    show("builds")
    report["builds"] = measure_builds()
    show("videos")
    report["video"] = measure_video()
    show("groups that rest")
    report["resting"] = measure_resting()
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
    parser = make_parser(__doc__, quick="little of everything")
    parser.add_argument("--resting", action="store_true", help="groups that rest, and nothing else")
    return command.run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
