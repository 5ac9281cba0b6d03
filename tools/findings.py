"""Write docs/findings.md and docs/figures/ anew from measurements of the shipped model.

    python -m tools.findings

Nothing in docs/ changes before everything is measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from fastcar.analysis.bench import get_process_count
from fastcar.analysis.report import analyze, write_report
from fastcar.analysis.settings import Settings
from fastcar.output import write_atomically, write_directory_atomically
from reference.video.model import SHIPPED_MODEL, load_video_model

DOCS = Path(__file__).parent.parent / "docs"
REPORT_NAME = "findings.json"


def write_findings(directory: Path, settings: Settings, checkpoint: Path, processes: int) -> None:
    """Measure, then replace findings.md, findings.json and figures/ of a directory."""
    shown = ""

    def show(label: str, done: int, known: int) -> None:
        nonlocal shown
        if label != shown:
            print(f"{time.strftime('%X')} {label} ({done} jobs done)", file=sys.stderr)
            shown = label

    report = analyze(load_video_model(checkpoint), settings, processes, show)
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
    arguments = parser.parse_args()
    settings = Settings().get_quick() if arguments.quick else Settings()
    write_findings(arguments.out, settings, arguments.checkpoint, get_process_count())


if __name__ == "__main__":
    main()
