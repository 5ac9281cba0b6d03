"""Write docs/findings.md and docs/figures/ anew from measurements of the shipped model.

    python -m tools.findings             # measure, a few minutes on two cores
    python -m tools.findings --rewrite   # page and figures from docs/findings.json as it stands

Nothing in docs/ changes before everything is measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from fastcar.analysis.finding import Json
from fastcar.analysis.report import analyze, write_report
from fastcar.analysis.settings import AnalysisSettings
from fastcar.output import write_atomically
from fastcar.reference.engine_choice import NUMBA, NUMPY
from fastcar.reference.engine_factory import find_obstacle
from fastcar.reference.video.model import load_video_model
from fastcar.workers import get_process_count
from tools.page_command import PageCommand, make_parser

REPORT_NAME, PAGE_NAME = "findings.json", "findings.md"


def measure(arguments: argparse.Namespace) -> Json:
    """Measure everything; one line per question on stderr."""
    settings = AnalysisSettings().get_quick() if arguments.quick else AnalysisSettings()
    settings = replace(settings, engine=NUMPY if find_obstacle() else NUMBA)
    shown = ""

    def show(label: str, done: int, known: int) -> None:
        nonlocal shown
        if label != shown:
            print(f"{time.strftime('%X')} {label} ({done} jobs done)", file=sys.stderr)
            shown = label

    report = analyze(load_video_model(arguments.checkpoint), settings, arguments.processes, show)
    del report["provenance"]  # of the machine, and the page is about the model
    return report


def write_findings(report: Json, directory: Path) -> list[str]:
    """Replace findings.md, findings.json and figures/ of a directory; no prose is by hand."""
    with tempfile.TemporaryDirectory() as folder:
        page, numbers, *figures = write_report(report, Path(folder))
        drawn = [(figure, f"figures/{figure.name}") for figure in figures]
        for source, name in (*drawn, (numbers, REPORT_NAME), (page, page.name)):
            with write_atomically(directory / name) as target:
                target.write_bytes(source.read_bytes())
    return []


def main() -> int:
    """Command line; the exit code."""
    command = PageCommand("findings", (REPORT_NAME, PAGE_NAME), measure, write_findings)
    parser = make_parser(__doc__, quick="fewer clips and frames", processes=get_process_count())
    return command.run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
