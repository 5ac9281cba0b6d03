"""Runs planted bugs: each in a copy of the repository, by the tests that should notice it."""

from __future__ import annotations

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

from fastcar.reference.video.shipped_models import list_shipped_models
from tools.mutants.mutant import Mutant, MutantError, compute_mutated
from tools.package_tree import link_trees
from tools.paths import ROOT

COPIED = (
    "reference",
    "proofs",
    "rtl",
    "cosim",
    "fastcar",
    "tools",
    "tests",
    "docs",
    "setup.cfg",
    "pyproject.toml",
)
MODELS = [path.relative_to(ROOT) for path in list_shipped_models(ROOT / "reference/video").values()]
"""Megabytes that no bug is planted in: a link is enough."""
MARKERS = "not nightly"
"""Tests that may notice: the slow ones too."""
UNTRIED = "not tried: tests were skipped"
"""In place of a test, where all passed that could run: a program is missing."""
LIMIT_SECONDS = 600
"""A run that takes longer hangs."""


@dataclass(frozen=True)
class Outcome:
    """What the tests said about one mutant.

    Attributes:
        mutant: which.
        caught_by: the test that failed, as pytest names it; None if all passed.
        seconds: wall clock.
    """

    mutant: Mutant
    caught_by: str | None
    seconds: float


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
    """Run tests until the first failure.

    Returns:
        The name of the test that failed; None if all passed, `UNTRIED` if some were skipped.
    """
    command = (sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "--tb=no", "-m", MARKERS)
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
        if re.search(r"\d+ skipped", done.stdout):
            return UNTRIED
        return None
    failed = re.search(r"^FAILED (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
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
    ignore = shutil.ignore_patterns("__pycache__", *(path.name for path in MODELS), "hugging_face")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=ignore)
        else:
            (tree / name).parent.mkdir(exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    link_trees(tree / "fastcar", tree)
    for path in MODELS:
        (tree / path).symlink_to(ROOT / path)
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
    if failed not in (None, UNTRIED):
        raise MutantError(f"{failed} fails without any mutant")


def run_all(mutants: Sequence[Mutant], num_workers: int) -> list[Outcome]:
    """All outcomes, in the order of the list; a line for each as it comes."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for worker in range(num_workers):
            tree = Path(directory) / str(worker)
            tree.mkdir()
            trees.put(make_tree(tree))
        with ThreadPoolExecutor(num_workers) as pool:
            outcomes = []
            for outcome in pool.map(lambda mutant: run_mutant(trees, mutant), mutants):
                caught_by = (outcome.caught_by or "SURVIVED").rpartition("/")[2]
                print(
                    f"{outcome.mutant.name:<54} {outcome.seconds:5.1f} s  {caught_by}", flush=True
                )
                outcomes.append(outcome)
            caught = {outcome.caught_by for outcome in outcomes} - {None, UNTRIED}
            # The names of parameters may come from the code that held the bug.
            tests = sorted({(test or "").partition("[")[0] for test in caught})
            shares = [tests[worker::num_workers] for worker in range(min(num_workers, len(tests)))]
            list(pool.map(lambda share: check_clean(trees, share), shares))
            return outcomes
