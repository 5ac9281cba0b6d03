"""Write docs/replay_value.md: what replay is worth, gate by gate, on both shipped models.

    make real-video-clips               # clips of films that are not in the repository, once
    python -m tools.replay_value            # measure, about half an hour on two cores
    python -m tools.replay_value --rewrite  # page and figure from the numbers as they stand

What was measured is kept in out/replay_value, a file for each model and gate, with the digest of
weights and clips: a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastcar.budget_search.search import SEARCHED_GATES
from fastcar.output import write_atomically
from fastcar.provenance import digest_files
from fastcar.reference.engine_factory import find_obstacle
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.workers import get_process_count, open_pool
from tools.page_command import PageCommand, make_parser, write_numbers
from tools.replay_value.budgets import BUDGETS, FRAMES, SEARCHED
from tools.replay_value.clip_sets import REAL_VIDEO
from tools.replay_value.contenders import CONTENDERS, CORRECTED, MEAN, Contender
from tools.replay_value.measure import Settings
from tools.replay_value.page import FIGURE, PAGE, SETS, draw
from tools.replay_value.parts import Part, measure_part, name_part

Json = dict[str, Any]

REPORT_NAME = "replay_value.json"
PARTS = Path("out/replay_value")


def identify(name: str, settings: Settings, part: Part) -> Json:
    """What a part must have been measured on to be kept."""
    directory = SHIPPED_MODEL if name == "digits" else REAL_VIDEO
    files = [directory / file for file in ("model.safetensors", "clips.safetensors")]
    missing = [file for file in files if not file.exists()]
    if missing:
        raise SystemExit(f"{missing[0]}: not here; `make real-video-clips` makes it")
    used = json.loads(json.dumps(asdict(settings)))
    if isinstance(part, float):
        used |= {"gates": list(SEARCHED_GATES), "searched": SEARCHED, "frames": FRAMES}
    if not isinstance(part, Contender) or part.replacement not in (MEAN, CORRECTED):
        del used["fitting"]
    return {"sha256": digest_files(files), "settings": used}


def measure(arguments: argparse.Namespace) -> Json:
    """The content of replay_value.json; parts that are there are not measured again."""
    engine = "numba" if find_obstacle() is None else "numpy"
    settings = Settings(1, 1, 1, (0.5, 0.8), engine) if arguments.quick else Settings(engine=engine)
    parts: dict[tuple[str, str], Any] = {}
    jobs = []
    for name in SETS:
        for part in (None, *BUDGETS, *CONTENDERS):
            origin = identify(name, settings, part)
            key = name, name_part(part)
            path = PARTS / name / f"{key[1]}.json"
            kept = json.loads(path.read_text()) if path.exists() else {}
            if kept.get("origin") == origin:
                parts[key] = kept["measured"]
            else:
                jobs.append((key, path, origin, part))
    with open_pool(arguments.processes) as pool:
        running = {
            pool.submit(measure_part, key[0], settings, part): (key, path, origin)
            for key, path, origin, part in jobs
        }
        for done, future in enumerate(as_completed(running), start=1):
            key, path, origin = running[future]
            parts[key] = future.result()
            path.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(path) as partial:
                partial.write_text(json.dumps({"origin": origin, "measured": parts[key]}))
            shown = f"{time.strftime('%X')} {' '.join(key)} ({done} of {len(jobs)})"
            print(shown, file=sys.stderr, flush=True)
    sets = {
        name: {
            "dense": parts[name, name_part(None)],
            "budgets": [parts[name, name_part(budget)] for budget in BUDGETS],
            "rows": {one.name: parts[name, one.name] for one in CONTENDERS},
        }
        for name in SETS
    }
    return {"settings": asdict(settings), "sets": sets}


def write_report(report: Json, directory: Path) -> list[str]:
    """Replace page, numbers and figure; a line for each claim of the page that is false."""
    report = write_numbers(report, directory / REPORT_NAME)
    figure = directory / FIGURE
    figure.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(figure) as partial:
        draw(report, partial)
    return PAGE.refresh(report, directory)


def main() -> int:
    """Command line; the exit code."""
    outputs = (REPORT_NAME, PAGE.name, FIGURE)
    command = PageCommand("replay_value", outputs, measure, write_report)
    parser = make_parser(
        __doc__, quick="a clip a source, two ratios", processes=get_process_count()
    )
    return command.run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
