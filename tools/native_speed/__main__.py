"""Write the table of docs/native_simulation.md and its numbers: four simulators, three designs.

python -m tools.native_speed             # about two minutes of processor time
python -m tools.native_speed --quick     # a FIFO only
python -m tools.native_speed --rewrite   # the page from the numbers as they stand
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.native_speed.designs import DESIGNS
from tools.native_speed.measures import Json, measure_designs
from tools.native_speed.page import PAGE
from tools.page_command import PageCommand, make_parser, write_numbers

REPORT_NAME = "native_simulation.json"


def measure(arguments: argparse.Namespace) -> Json:
    """The content of native_simulation.json."""
    if arguments.quick:
        return {"rows": measure_designs(DESIGNS[:1], rounds=1)}
    return {"rows": measure_designs(DESIGNS)}


def write_report(report: Json, directory: Path) -> list[str]:
    """Replace page and numbers; a line for each claim of the page that is false."""
    return PAGE.refresh(write_numbers(report, directory / REPORT_NAME), directory)


def main() -> int:
    """Command line; the exit code."""
    command = PageCommand("native_speed", (REPORT_NAME, PAGE.name), measure, write_report)
    return command.run(make_parser(__doc__, quick="a FIFO only").parse_args())


if __name__ == "__main__":
    sys.exit(main())
