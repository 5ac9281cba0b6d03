"""Prove the exported Verilog by Yosys, yosys-smtbmc and z3; one line for each task as it ends.

    python -m tools.formal                    # all tasks; writes docs/signoff_formal.json
    python -m tools.formal --quick            # small configurations, no planted bugs, no file
    python -m tools.formal scheduler "C=8"    # tasks whose name contains all the words, no file
    python -m tools.formal progress --update  # the same, and replace their results in the file
    python -m tools.formal --list             # names only

Exit code 0 if every claim holds, every cover is reached, the numbers of obligations are as
expected and every planted bug is refuted; 1 if not; 2 for a wrong argument or a missing tool.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from fastcar.output import check_writable, write_atomically
from fastcar.proofs.formal.registry import get_task, list_tasks
from fastcar.proofs.formal.result import Json, make_failure
from fastcar.proofs.formal.run import get_versions, run_task
from fastcar.proofs.formal.task import FormalTask
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.workers import get_process_count
from tools.paths import DOCS

REPORT = DOCS / "signoff_formal.json"


def choose_tasks(words: Sequence[str], is_quick: bool) -> tuple[FormalTask, ...]:
    """Tasks whose names contain all the words.

    Raises:
        ArgumentError: there is none.
    """
    chosen = tuple(
        task
        for task in list_tasks()
        if all(word in task.name for word in words) and (task.is_quick or not is_quick)
    )
    if not chosen:
        raise ArgumentError("task", " ".join(words), "part of a task's name (--list shows them)")
    return chosen


def run_named(name: str, with_bugs: bool) -> Json:
    """Result of one task; a text that tools or builders refuse is a result with a complaint."""
    task = get_task(name)
    try:
        return run_task(task, with_bugs).to_json()
    except FastCarError as error:
        return make_failure(task, str(error))


def run_all(names: Sequence[str], with_bugs: bool, num_workers: int) -> Iterator[Json]:
    """Results as they come."""
    if num_workers == 1:
        yield from (run_named(name, with_bugs) for name in names)
        return
    # Planted bugs change modules while they are exported: processes, not threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, mp_context=context) as pool:
        pending = [pool.submit(partial(run_named, name, with_bugs)) for name in names]
        for future in as_completed(pending):
            yield future.result()


def format_line(result: Json) -> str:
    """One line about one task."""
    bugs = result["bugs"]
    assert isinstance(bugs, list)
    caught = f", {sum(bool(bug['caught_by']) for bug in bugs)} of {len(bugs)} bugs" if bugs else ""
    line = f"{result['status']:<9} {result['name']:<30} {result['seconds']:>6} s  "
    line += f"{result['assertions']} assertions, {result['assumptions']} assumptions, "
    line += f"{result['covers']} covers{caught}"
    complaints = result["complaints"]
    assert isinstance(complaints, list)
    return "\n".join([line, *(f"  ! {complaint}" for complaint in complaints)])


def make_report(results: Sequence[Json], seconds: float) -> Json:
    """What docs/signoff_formal.json holds, tasks in the order of the registry."""
    order = [task.name for task in list_tasks()]
    tasks = sorted(results, key=lambda result: order.index(str(result["name"])))
    return {"versions": get_versions(), "seconds": round(seconds), "tasks": tasks}


def read_others(report: Path, names: Sequence[str]) -> tuple[list[Json], float]:
    """Results of all other tasks that a file has and that still exist, and its seconds.

    Raises:
        ArgumentError: other versions of the tools made it.
    """
    found = json.loads(report.read_text(encoding="utf-8"))
    if found["versions"] != get_versions():
        raise ArgumentError("--update", str(report), "made by these versions of the tools")
    known = {task.name for task in list_tasks()} - set(names)
    return [task for task in found["tasks"] if task["name"] in known], found["seconds"]


def run(arguments: argparse.Namespace) -> int:
    """Run what the command line asks for; the exit code."""
    tasks = choose_tasks(arguments.words, arguments.quick)
    if arguments.list:
        print("\n".join(task.name for task in tasks))
        return 0
    is_complete = not (arguments.quick or arguments.words)
    report = arguments.out or (REPORT if is_complete or arguments.update else None)
    if report is not None:
        check_writable(report)
    get_versions()
    names = [task.name for task in tasks]
    others: list[Json] = []
    seconds_before = 0.0
    if arguments.update:
        others, seconds_before = read_others(report or REPORT, names)
    started = time.perf_counter()
    results = []
    for result in run_all(names, not arguments.quick, arguments.processes):
        results.append(result)
        print(format_line(result), flush=True)
    seconds = time.perf_counter() - started
    if report is not None:
        with write_atomically(report) as partial_file:
            text = json.dumps(make_report(results + others, seconds + seconds_before), indent=1)
            partial_file.write_text(text + "\n", encoding="utf-8")
    num_bad = sum(bool(result["complaints"]) for result in results)
    print(f"{len(results) - num_bad} of {len(results)} tasks as expected, {seconds:.0f} s")
    return 1 if num_bad else 0


def main(words: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="parts of the names of tasks")
    parser.add_argument("--quick", action="store_true", help="small ones without planted bugs")
    parser.add_argument("--list", action="store_true", help="names only")
    parser.add_argument("--update", action="store_true", help="replace these results in the file")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    parser.add_argument("--processes", type=int, default=get_process_count(), help="workers")
    arguments = parser.parse_args(words)
    try:
        return run(arguments)
    except FastCarError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
