"""Planted bugs: each mutant of reference, proofs or rtl is run against tests that should notice it.

A mutant replaces one piece of text in a copy of the tree. A text that is not found exactly once is
an error, so the list cannot rot; a mutant that no test catches makes the exit code 1. First the
tree without a bug has to pass the same tests, or a failing test would prove nothing.

    python -m tools.mutants            every mutant
    python -m tools.mutants chain      only those whose name contains a word
    python -m tools.mutants --part 1/4 the first quarter, every fourth of the list
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.mutants.cosim import COSIM_MUTANTS
from tools.mutants.int8 import INT8_MUTANTS
from tools.mutants.integer import INTEGER_MUTANTS
from tools.mutants.kernels import KERNEL_MUTANTS
from tools.mutants.mutant import Mutant
from tools.mutants.proofs import PROOF_MUTANTS
from tools.mutants.reference import MUTANTS as REFERENCE_MUTANTS
from tools.mutants.rtl import RTL_MUTANTS
from tools.mutants.simulators import SIMULATOR_MUTANTS
from tools.package_tree import link_trees
from tools.paths import ROOT

MUTANTS = (
    *REFERENCE_MUTANTS,
    *PROOF_MUTANTS,
    *INTEGER_MUTANTS,
    *INT8_MUTANTS,
    *RTL_MUTANTS,
    *KERNEL_MUTANTS,
    *COSIM_MUTANTS,
    *SIMULATOR_MUTANTS,
)
"""Every planted bug."""
COPIED = (
    "reference",
    "proofs",
    "rtl",
    "cosim",
    "fastcar",
    "tools",
    "tests",
    "docs/hardware.json",
    "setup.cfg",
    "pyproject.toml",
)
LIMIT_SECONDS = 600
"""A run that takes longer hangs."""


class MutantError(Exception):
    """The list does not fit the code, or a run says nothing about it."""


@dataclass(frozen=True)
class Outcome:
    """What the tests said about one mutant.

    Attributes:
        mutant: which.
        caught_by: the test that failed; None if all passed.
        seconds: wall clock.
    """

    mutant: Mutant
    caught_by: str | None
    seconds: float


def compute_mutated(source: str, mutant: Mutant) -> str:
    """The source with the bug; raises MutantError unless the text stands there exactly once."""
    found = source.count(mutant.old)
    if found != 1:
        raise MutantError(f"{mutant.name}: text found {found} times in {mutant.path}: must be once")
    return source.replace(mutant.old, mutant.new)


def check_list(mutants: Sequence[Mutant], root: Path = ROOT) -> None:
    """Raise MutantError for a name twice, a text not found once, or a test file that is missing."""
    names = [mutant.name for mutant in mutants]
    for mutant in mutants:
        if names.count(mutant.name) > 1:
            raise MutantError(f"{mutant.name}: name stands twice in the list")
        mutated = compute_mutated((root / mutant.path).read_text(encoding="utf-8"), mutant)
        compile(mutated, mutant.path, "exec")
        for test in mutant.tests:
            file, _, function = test.partition("::")
            if not (root / file).is_file():
                raise MutantError(f"{mutant.name}: no test file {file}")
            if function and f"def {function}(" not in (root / file).read_text(encoding="utf-8"):
                raise MutantError(f"{mutant.name}: no test {function} in {file}")


@contextmanager
def planted(tree: Path, mutant: Mutant) -> Iterator[None]:
    """The tree with the bug; afterwards as before, times included, so that bytecode stays valid."""
    path = tree / mutant.path
    original, times = path.read_text(encoding="utf-8"), path.stat()
    try:
        path.write_text(compute_mutated(original, mutant), encoding="utf-8")
        yield
    finally:
        path.write_text(original, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def run_tests(tree: Path, tests: Sequence[str]) -> str | None:
    """Run test files until the first failure; its name, or None if all pass."""
    command = (sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "--tb=no")
    environment = os.environ | {
        "FASTCAR_HYPOTHESIS": "mutants",
        "PYTHONPATH": str(tree),
        # A mutant must not leave bytecode: its time stamp may equal that of the next one.
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *tests],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if done.returncode == 0:
        return None
    failed = re.search(r"^FAILED (?:\S*/)?(\S+)", done.stdout, re.MULTILINE)
    if done.returncode != 1 or failed is None:
        raise MutantError(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return failed[1]


def run_mutant(trees: queue.SimpleQueue[Path], mutant: Mutant) -> Outcome:
    """Plant one bug in a free tree and run its tests."""
    tree = trees.get()
    started = time.perf_counter()
    try:
        with planted(tree, mutant):
            caught_by = run_tests(tree, mutant.tests)
    except (MutantError, subprocess.TimeoutExpired) as error:
        raise MutantError(f"{mutant.name}: {error}") from error
    finally:
        trees.put(tree)
    return Outcome(mutant, caught_by, time.perf_counter() - started)


def make_tree(tree: Path) -> Path:
    """A copy of what the tests need."""
    ignore = shutil.ignore_patterns("__pycache__", "moving_digits_*", "hugging_face", "video")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=ignore)
        else:
            (tree / name).parent.mkdir(exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    link_trees(tree / "fastcar", tree)
    return tree


def check_clean(trees: queue.SimpleQueue[Path], tests: Sequence[str]) -> None:
    """Raise MutantError if a test fails without any mutant."""
    tree = trees.get()
    try:
        failed = run_tests(tree, tests)
    except subprocess.TimeoutExpired as error:
        raise MutantError(f"without any mutant: {error}") from error
    finally:
        trees.put(tree)
    if failed is not None:
        raise MutantError(f"{failed} fails without any mutant")


def run_all(mutants: Sequence[Mutant], num_workers: int) -> list[Outcome]:
    """All outcomes, in the order of the list; a line for each as it comes."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for worker in range(num_workers):
            tree = Path(directory) / str(worker)
            tree.mkdir()
            trees.put(make_tree(tree))
        tests = sorted({test for mutant in mutants for test in mutant.tests})
        shares = [tests[worker::num_workers] for worker in range(min(num_workers, len(tests)))]
        with ThreadPoolExecutor(num_workers) as pool:
            list(pool.map(lambda share: check_clean(trees, share), shares))
            outcomes = []
            for outcome in pool.map(lambda mutant: run_mutant(trees, mutant), mutants):
                caught_by = outcome.caught_by or "SURVIVED"
                print(
                    f"{outcome.mutant.name:<54} {outcome.seconds:5.1f} s  {caught_by}", flush=True
                )
                outcomes.append(outcome)
            return outcomes


def choose(words: Sequence[str], part: int = 1, num_parts: int = 1) -> list[Mutant]:
    """Mutants with all words in their names, or every `num_parts`-th of them from `part` on.

    >>> sum(len(choose([], part, 4)) for part in range(1, 5)) == len(MUTANTS)
    True
    """
    named = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    return named[part - 1 :: num_parts]


def parse_part(text: str) -> tuple[int, int]:
    """`K/N` as (K, N), 1 <= K <= N."""
    part, _, num_parts = text.partition("/")
    if not (part.isdigit() and num_parts.isdigit() and 1 <= int(part) <= int(num_parts)):
        raise argparse.ArgumentTypeError(f"{text!r}: must be K/N with 1 <= K <= N")
    return int(part), int(num_parts)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 if every mutant is caught."""
    parser = argparse.ArgumentParser(prog="mutants", description="Planted bugs.")
    parser.add_argument("words", nargs="*", help="only mutants whose names contain all of them")
    parser.add_argument("--part", type=parse_part, default=(1, 1), metavar="K/N", help="a share")
    options = parser.parse_args(arguments)
    chosen = choose(options.words, *options.part)
    if not chosen:
        print(f"no mutant has a name with {' '.join(options.words)!r}", file=sys.stderr)
        return 1
    started = time.perf_counter()
    try:
        check_list(chosen)
        outcomes = run_all(chosen, num_workers=min(2, os.cpu_count() or 1))
    except MutantError as error:
        print(error, file=sys.stderr)
        return 1
    survivors = [outcome.mutant.name for outcome in outcomes if outcome.caught_by is None]
    seconds = time.perf_counter() - started
    print(f"{len(outcomes) - len(survivors)} of {len(outcomes)} mutants caught, {seconds:.0f} s")
    for name in survivors:
        print(f"survived: {name}", file=sys.stderr)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
