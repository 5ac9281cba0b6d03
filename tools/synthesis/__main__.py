"""Command line of `make synth`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from fastcar.output import check_writable, write_atomically
from fastcar.reference.errors import FastCarError
from tools.hardware.run import HardwareSettings, Json, show
from tools.paths import DOCS
from tools.synthesis.figures import FIGURE_NAME, draw_growth
from tools.synthesis.report import list_violations, make_report
from tools.synthesis.runs import FULL, QUICK, Plan, run_plan
from tools.synthesis.videos import count_video_cycles

REPORT_NAME = "signoff_synthesis.json"


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit code is 1 if something is not mapped as it has to be, 2 if a tool is absent."""
    parser = argparse.ArgumentParser(prog="python -m tools.synthesis", description=__doc__)
    parser.add_argument("--out", type=Path, default=DOCS, help="directory of numbers and figure")
    parser.add_argument("--quick", action="store_true", help="the preset tiny, one seed, no videos")
    parser.add_argument("--seeds", type=int, help="of place and route, from 1 on")
    parser.add_argument("--max-cores", type=int, help="of the sizes for UltraScale+")
    parser.add_argument("--max-lanes", type=int, help="of the sizes for UltraScale+")
    parser.add_argument("--processes", type=int, default=2, help="runs at a time")
    parser.add_argument("--rewrite", action="store_true", help="the figure from the numbers alone")
    given = parser.parse_args(arguments)
    try:
        for name in (REPORT_NAME, FIGURE_NAME):
            check_writable(given.out / name)
        report = _load(given.out) if given.rewrite else _measure(given)
    except FastCarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _write(report, given.out)
    violations = list_violations(report)
    for violation in violations:
        print(violation, file=sys.stderr)
    return 1 if violations else 0


def _load(directory: Path) -> Json:
    report: Json = json.loads((directory / REPORT_NAME).read_text(encoding="utf-8"))
    return report


def _measure(given: argparse.Namespace) -> Json:
    plan = (QUICK if given.quick else FULL).limit(given.seeds, given.max_cores, given.max_lanes)
    runs = run_plan(plan, given.processes)
    videos = None if given.quick else _count_videos(plan)
    return make_report(runs, videos)


def _count_videos(plan: Plan) -> Json:
    return count_video_cycles(plan.base, plan.xilinx, HardwareSettings())


def _write(report: Json, directory: Path) -> None:
    with write_atomically(directory / REPORT_NAME) as partial:
        partial.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    with write_atomically(directory / FIGURE_NAME) as partial:
        draw_growth(report, partial)
    show(f"written: {directory / REPORT_NAME}, {directory / FIGURE_NAME}")


if __name__ == "__main__":
    sys.exit(main())
