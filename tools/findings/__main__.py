"""Write docs/findings*.md and docs/figures/ anew from measurements of the shipped models.

    python -m tools.findings             # measure, about half an hour on two cores
    python -m tools.findings --rewrite   # pages and figures from the numbers as they stand

Every question that is answered is kept in out/findings, under a digest of what was measured and by
which code, and a run that was ended goes on there. Nothing in docs/ changes before everything is
measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from fastcar.analysis.finding import Json
from fastcar.analysis.report import Keep, analyze, describe_model
from fastcar.analysis.settings import AnalysisSettings
from fastcar.output import check_writable, write_atomically
from fastcar.provenance import digest_files
from fastcar.reference.engine_choice import NUMBA, NUMPY
from fastcar.reference.engine_factory import find_obstacle
from fastcar.reference.errors import FastCarError
from fastcar.reference.video.model import VideoModel
from fastcar.workers import get_process_count
from tools.findings.models import LOADERS, choose_settings
from tools.findings.page import get_stem, list_outputs, write_findings
from tools.page_command import read_numbers
from tools.paths import DOCS, ROOT

PARTS = Path("out/findings")
CODE = ROOT / "reference", ROOT / "fastcar" / "analysis"


def main() -> int:
    """Command line; 2 for a refusal, else 0."""
    arguments = parse_arguments()
    try:
        for name in list_outputs():
            check_writable(arguments.out / name)
        asked = () if arguments.rewrite else arguments.model or tuple(LOADERS)
        reports = {
            name: measure(name, arguments) if name in asked else read_report(name, arguments.out)
            for name in LOADERS
        }
        write_findings(reports, arguments.out)
    except FastCarError as error:
        print(f"findings: {error}", file=sys.stderr)
        return 2
    return 0


def parse_arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=DOCS, help="directory of the pages")
    parser.add_argument("--rewrite", action="store_true", help="measure nothing anew")
    parser.add_argument(
        "--model", nargs=1, choices=LOADERS, help="only this one; the other as it stands"
    )
    parser.add_argument("--quick", action="store_true", help="fewer clips and frames")
    parser.add_argument("--processes", type=int, default=get_process_count(), help="workers")
    return parser.parse_args()


def read_report(name: str, directory: Path) -> Json:
    """What an earlier run measured on a model."""
    return read_numbers(directory / f"{get_stem(name)}.json")


def measure(name: str, arguments: argparse.Namespace) -> Json:
    """Measure everything on one model; one line per question on stderr."""
    model = LOADERS[name]()
    engine = NUMPY if find_obstacle() else NUMBA
    settings = choose_settings(model, engine, arguments.quick)
    started = time.monotonic()
    keep = make_keep(PARTS / f"{name}-{digest_measurement(model, settings)}")
    report = analyze(model, settings, arguments.processes, make_progress(name), keep)
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    del report["provenance"]  # of the machine, and the page is about the model
    return report


def digest_measurement(model: VideoModel, settings: AnalysisSettings) -> str:
    """Of the weights, the clips, how much is measured, and the code that measures."""
    code = digest_files(sorted(path for tree in CODE for path in tree.rglob("*.py")))
    described = json.dumps([describe_model(model), asdict(settings), code])
    digest = hashlib.sha256(described.encode())
    for split in ("held_out", "calibration"):
        digest.update(model.load_rows(split).token_ids.tobytes())
    return digest.hexdigest()[:12]


def make_keep(folder: Path) -> Keep:
    """Keeps the numbers of every question in a file of a folder."""
    folder.mkdir(parents=True, exist_ok=True)

    def keep(key: str, measure: Callable[[], Json]) -> Json:
        path = folder / f"{key}.json"
        if not path.is_file():
            numbers = json.dumps(measure(), allow_nan=False)
            with write_atomically(path) as partial:
                partial.write_text(numbers + "\n", encoding="utf-8")
        kept: Json = json.loads(path.read_text(encoding="utf-8"))
        return kept

    return keep


def make_progress(name: str) -> Callable[[str, int, int], None]:
    """A line on stderr for every question."""
    shown = ""

    def show(label: str, done: int, known: int) -> None:
        nonlocal shown
        del known
        if label != shown:
            print(f"{time.strftime('%X')} {name}: {label} ({done} jobs done)", file=sys.stderr)
            shown = label

    return show


if __name__ == "__main__":
    sys.exit(main())
