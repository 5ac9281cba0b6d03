"""Speed of decoding against Amdahl's law, the memory's bandwidth and what else one could take.

    python -m tools.bench [--quick] [--resume] [--video-only] [--peers PYTHON] [--folder DIR]

Random Llama geometries decoded by this project, `transformers` and llama.cpp in turns; whole videos
of the shipped model, beside an earlier engine and with every gate; a model of the paper's size from
a memory map. Numbers, figure and page go to docs/performance.{json,png,md}; every stage that is
done is kept in out/bench, where --resume finds it. --video-only measures the shipped model beside
the earlier engine anew and leaves the other numbers as they are.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from fastcar.output import write_atomically
from fastcar.reference.errors import ArgumentError, FastCarError
from tools.bench.claims import PAGE
from tools.bench.figure import draw_performance
from tools.bench.large import LARGE_GEOMETRY, TINY_GEOMETRY
from tools.bench.machine import count_cores
from tools.bench.parts import get_part
from tools.bench.plan import FULL_PLAN, QUICK_PLAN
from tools.bench.run import SHIPPED, BenchSettings, Results, keep_shipped, run_stages
from tools.bench.shipped.plan import FULL_SHIPPED_PLAN, QUICK_SHIPPED_PLAN
from tools.bench.targets import format_targets
from tools.bench.video import FULL_VIDEO_PLAN, QUICK_VIDEO_PLAN
from tools.bench.worker import WorkerError
from tools.page import tell_faults

NUMBERS = "performance.json"


def main() -> int:
    """Command line; 1 if the prose of the page is no longer true, 2 for a refusal, else 0."""
    # models of gigabytes must not stay behind
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return run(_parse_arguments())
    except (FastCarError, WorkerError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    finally:
        signal.signal(signal.SIGTERM, previous)


def run(arguments: argparse.Namespace) -> int:
    """Measure everything and write the three files; the exit code."""
    if not arguments.folder.is_dir():
        raise ArgumentError("folder", str(arguments.folder), "an existing directory")
    if shutil.which(arguments.peers) is None:
        raise ArgumentError("peers", arguments.peers, "a Python interpreter")
    for folder in (arguments.out, arguments.parts):
        folder.mkdir(parents=True, exist_ok=True)
    if arguments.video_only:
        return run_shipped(arguments)
    if not arguments.resume:
        shutil.rmtree(arguments.parts)
        arguments.parts.mkdir()
    results = run_stages(make_settings(arguments))
    with write_atomically(arguments.out / "performance.png") as partial:
        draw_performance(results, partial)
    return publish(results, arguments)


def run_shipped(arguments: argparse.Namespace) -> int:
    """Measure the shipped model beside the earlier engine; numbers of an earlier run stay."""
    path = arguments.out / NUMBERS
    if not path.is_file():
        raise ArgumentError("out", str(arguments.out), f"a directory with {NUMBERS} of a whole run")
    results = json.loads(path.read_text())
    if not arguments.resume:
        get_part(arguments.parts, SHIPPED).unlink(missing_ok=True)
    results[SHIPPED] = keep_shipped(make_settings(arguments))
    return publish(results, arguments)


def publish(results: Results, arguments: argparse.Namespace) -> int:
    """Write the numbers and the page; the exit code."""
    with write_atomically(arguments.out / NUMBERS) as partial:
        partial.write_text(json.dumps(results, indent=1) + "\n")
    faults = PAGE.refresh(results, arguments.out)
    print(format_targets(results))
    return 0 if arguments.quick else tell_faults(faults)  # the prose is about a full run


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="tiny models, for a first look")
    parser.add_argument("--resume", action="store_true", help="keep the stages that are done")
    parser.add_argument(
        "--video-only", action="store_true", help="only the shipped model beside an earlier engine"
    )
    parser.add_argument("--out", type=Path, default=Path("docs"), help="default: %(default)s")
    parser.add_argument(
        "--parts",
        type=Path,
        default=Path("out/bench"),
        help="finished stages; default: %(default)s",
    )
    parser.add_argument(
        "--peers", default=sys.executable, help="python with torch, transformers, llama-cpp-python"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()),
        help="room for 10 GB of models, removed at the end; default: %(default)s",
    )
    return parser.parse_args()


def make_settings(arguments: argparse.Namespace) -> BenchSettings:
    """What the options say."""
    is_quick = arguments.quick
    return BenchSettings(
        plan=QUICK_PLAN if is_quick else FULL_PLAN,
        video_plan=QUICK_VIDEO_PLAN if is_quick else FULL_VIDEO_PLAN,
        shipped_plan=QUICK_SHIPPED_PLAN if is_quick else FULL_SHIPPED_PLAN,
        large_geometry=TINY_GEOMETRY if is_quick else LARGE_GEOMETRY,
        start_rounds=1 if is_quick else 5,
        threads=count_cores(),
        peers=arguments.peers,
        folder=arguments.folder,
        parts=arguments.parts,
    )


if __name__ == "__main__":
    sys.exit(main())
