"""The tests under other processors, libraries and orders than those of this machine.

A row changes what another machine would change: the kernels of OpenBLAS and their threads, the
vector instructions of NumPy, the processor that Numba compiles for, what is installed, the order of
tests and the seed of hashes. It runs the tests that can notice, where numbers may differ the slow
ones too.

    python -m tools.portable              every row
    python -m tools.portable nehalem      only those named
    python -m tools.portable --write      each row into the table of tests/README.md
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fastcar.output import write_atomically
from tools.markdown import format_table
from tools.page import BLOCK, fill
from tools.paths import ROOT

PAGE = ROOT / "tests" / "README.md"
TABLE = "portable"
FLOAT = ("tests/reference", "tests/proofs", "tests/fastcar")
"""Trees that compute in floating point."""
KERNELS = ("tests/reference/kernels", "tests/fastcar/test_engine_option.py")
"""Tests of compiled kernels."""
FAST, ALL_BUT_NIGHTLY = "not slow and not nightly", "not nightly"
HIDDEN = ("iverilog", "vvp")
FRESH = "{fresh}"
"""Stands for an empty folder in a value of the environment."""


@dataclass(frozen=True)
class Row:
    """One kind of machine.

    Attributes:
        name: of the row.
        environment: variables that differ; `FRESH` stands for an empty folder.
        trees: tests that can notice.
        markers: which tests, for pytest's `-m`.
        options: of pytest.
        hides_icarus: the programs `HIDDEN` are not found.
        needs: extension of the processor, as NumPy names it; the row is left out without it.
    """

    name: str
    environment: Mapping[str, str]
    trees: Sequence[str] = FLOAT
    markers: str = ALL_BUT_NIGHTLY
    options: Sequence[str] = ("--ignore=tests/reference/kernels", "--ignore=tests/proofs/formal")
    hides_icarus: bool = False
    needs: str | None = None


def make_rows(seed: int) -> list[Row]:
    """All rows; `seed` orders tests and hashes."""
    shuffled = ("--random-order", f"--random-order-seed={seed}")
    return [
        Row("haswell", {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}),
        Row(
            "skylakex",
            {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "2"},
            needs="X86_V4",
        ),
        Row("nehalem", {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "2"}),
        Row("no AVX-512 in NumPy", {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL"}),
        Row(
            "generic Numba",
            {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": FRESH},
            KERNELS,
            options=(),
        ),
        Row("no Icarus", {}, ("tests",), FAST, (), hides_icarus=True),
        Row("random order", {"PYTHONHASHSEED": str(seed)}, ("tests",), FAST, shuffled),
    ]


@dataclass
class Result:
    """What pytest said.

    Attributes:
        row: what was run.
        counts: number of tests by outcome.
        exit_code: of pytest.
        cpu_seconds: processor time of all its processes.
    """

    row: Row
    counts: dict[str, int] = field(default_factory=dict)
    exit_code: int = 0
    cpu_seconds: float = 0.0


def read_counts(text: str) -> dict[str, int]:
    """Outcomes in pytest's last line.

    >>> read_counts("3 failed, 10 passed, 2 skipped in 1.0s")
    {'failed': 3, 'passed': 10, 'skipped': 2}
    """
    last = text.strip().rpartition("\n")[2]
    return {name: int(number) for number, name in re.findall(r"(\d+) ([a-z]+)", last)}


def make_path(folder: Path) -> str:
    """A search path of links to every program but the hidden ones."""
    for place in os.environ.get("PATH", "").split(os.pathsep):
        for program in Path(place).glob("*"):
            link = folder / program.name
            if program.name not in HIDDEN and not link.exists() and os.access(program, os.X_OK):
                link.symlink_to(program)
    return str(folder)


def run_row(row: Row) -> Result:
    """The tests of a row; their output follows if one fails."""
    with tempfile.TemporaryDirectory(prefix="portable-") as folder:
        fresh = Path(folder) / "fresh"
        fresh.mkdir()
        changed = {
            name: value.replace(FRESH, str(fresh)) for name, value in row.environment.items()
        }
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"} | changed
        if row.hides_icarus:
            environment["PATH"] = make_path(fresh)
        command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=auto", "--dist=loadgroup"]
        before = os.times()
        done = subprocess.run(
            [*command, "-m", row.markers, *row.options, *row.trees],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        after = os.times()
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return Result(row, read_counts(done.stdout), done.returncode, used)


def describe(row: Row) -> str:
    """What differs, in words of the shell."""
    words = [f"`{name}={value}`" for name, value in row.environment.items()]
    words += ["no `iverilog`"] if row.hides_icarus else []
    words += [f"`{option}`" for option in row.options]
    return " ".join(words).replace(FRESH, "(empty)")


def _format_counts(result: Result) -> list[str]:
    """Passed, failed, skipped, processor seconds; a dash each where the row was left out."""
    if not result.counts:
        return ["-"] * 4
    counts = result.counts
    failed = counts.get("failed", 0) + counts.get("error", 0)
    numbers = counts.get("passed", 0), failed, counts.get("skipped", 0)
    return [*map(str, numbers), f"{result.cpu_seconds:.0f}"]


HEAD = ("row", "what differs", "tests", "passed", "failed", "skipped", "processor s")


def format_cells(result: Result) -> list[str]:
    """A line of the table."""
    row = result.row
    trees = ", ".join(tree.removeprefix("tests/") for tree in row.trees)
    return [row.name, describe(row), trees, *_format_counts(result)]


def write_table(results: Sequence[Result]) -> None:
    """Put lines into the page; those of other rows stay as they are."""
    page = PAGE.read_text(encoding="utf-8")
    lines = read_lines(page) | {result.row.name: format_cells(result) for result in results}
    table = format_table(HEAD, [lines[row.name] for row in make_rows(0) if row.name in lines])
    with write_atomically(PAGE) as partial:
        partial.write_text(fill(page, {TABLE: table}), encoding="utf-8")


def read_lines(page: str) -> dict[str, list[str]]:
    """Cells of the table by the name of the row."""
    found = next((one["text"] for one in BLOCK.finditer(page) if one["name"] == TABLE), "")
    lines = [line for line in found.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {one[0]: one for one in cells if len(one) == len(HEAD)}


def is_possible(row: Row) -> bool:
    """Whether this processor has what the row needs."""
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return row.needs is None or row.needs in found


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 if no row fails."""
    parser = argparse.ArgumentParser(prog="portable", description="Tests under other machines.")
    parser.add_argument("words", nargs="*", help="only rows whose names contain one of them")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbits(16), help="of order and hashes"
    )
    parser.add_argument(
        "--write", action="store_true", help=f"each row, once it has run, into {PAGE.name}"
    )
    options = parser.parse_args(arguments)
    rows = [
        row
        for row in make_rows(options.seed)
        if not options.words or any(word in row.name for word in options.words)
    ]
    if not rows:
        print(f"no row has a name with one of {options.words}", file=sys.stderr)
        return 2
    results = []
    for row in rows:
        if not is_possible(row):
            print(f"{row.name}: left out, this processor has no {row.needs}", flush=True)
            results.append(Result(row))
            continue
        started = time.perf_counter()
        results.append(run_row(row))
        words = ", ".join(f"{number} {name}" for name, number in results[-1].counts.items())
        print(f"{row.name}: {words}, {time.perf_counter() - started:.0f} s", flush=True)
        if options.write:
            write_table(results[-1:])
    print(format_table(HEAD, [format_cells(result) for result in results]))
    return int(any(result.exit_code for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
