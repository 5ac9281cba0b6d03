"""Write docs/findings.md and docs/figures/ anew from measurements of the shipped model.

    python -m tools.findings             # measure, a few minutes on two cores
    python -m tools.findings --rewrite   # page and figures from docs/findings.json as it stands

Nothing in docs/ changes before everything is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from fastcar.analysis.finding import Json
from fastcar.analysis.report import analyze, write_report
from fastcar.analysis.settings import Settings
from fastcar.output import write_atomically, write_directory_atomically
from fastcar.reference.video.model import SHIPPED_MODEL, load_video_model
from fastcar.workers import get_process_count
from tools.paths import DOCS

REPORT_NAME = "findings.json"


def measure(settings: Settings, checkpoint: Path, processes: int) -> Json:
    """Measure everything; one line per question on stderr."""
    shown = ""

    def show(label: str, done: int, known: int) -> None:
        nonlocal shown
        if label != shown:
            print(f"{time.strftime('%X')} {label} ({done} jobs done)", file=sys.stderr)
            shown = label

    return analyze(load_video_model(checkpoint), settings, processes, show)


def write_findings(report: Json, directory: Path) -> None:
    """Replace findings.md, findings.json and figures/ of a directory."""
    with tempfile.TemporaryDirectory() as folder:
        page, numbers, *figures = write_report(report, Path(folder))
        with write_directory_atomically(directory / "figures") as partial:
            for figure in figures:
                (partial / figure.name).write_bytes(figure.read_bytes())
        for source, name in ((numbers, REPORT_NAME), (page, page.name)):
            with write_atomically(directory / name) as target:
                target.write_bytes(source.read_bytes())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DOCS, help="directory of the page")
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED_MODEL, help="video model")
    parser.add_argument("--quick", action="store_true", help="fewer clips and frames")
    parser.add_argument("--rewrite", action="store_true", help="measure nothing anew")
    parser.add_argument("--processes", type=int, default=get_process_count(), help="workers")
    arguments = parser.parse_args()
    if arguments.rewrite:
        report = json.loads((arguments.out / REPORT_NAME).read_text(encoding="utf-8"))
    else:
        settings = Settings().get_quick() if arguments.quick else Settings()
        report = measure(settings, arguments.checkpoint, arguments.processes)
    write_findings(report, arguments.out)


if __name__ == "__main__":
    main()
