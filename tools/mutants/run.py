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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastcar.reference.video.shipped_models import list_shipped_models
from fastcar.sweeps.executors import ThreadExecutor, open_executor
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
CLEAN_SHARES = 4
"""Jobs that a scheduler gets for the tests without a bug."""
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


def run_all(
    mutants: Sequence[Mutant], num_workers: int, scheduler: str | None = None
) -> list[Outcome]:
    """All outcomes, in the order of the list; a line for each, in that order.

    Args:
        mutants: to plant.
        num_workers: of this machine.
        scheduler: address of a Dask scheduler, whose workers import this repository, in place of
            them.
    """
    if scheduler is not None:
        with open_executor(scheduler=scheduler) as executor:
            outcomes = tell(mutants, executor.run(run_on_worker, mutants))
            list(executor.run(check_on_worker, share_tests(outcomes, CLEAN_SHARES)))
        return outcomes
    with open_trees(num_workers) as trees:
        threads = ThreadExecutor(num_workers)
        outcomes = tell(mutants, threads.run(partial(run_mutant, trees), mutants))
        shares = share_tests(outcomes, num_workers)
        list(threads.run(partial(check_clean, trees), shares))
        return outcomes


@contextmanager
def open_trees(num_trees: int) -> Iterator[queue.SimpleQueue[Path]]:
    """Copies of what the tests need."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for worker in range(num_trees):
            tree = Path(directory) / str(worker)
            tree.mkdir()
            trees.put(make_tree(tree))
        yield trees


def run_on_worker(mutant: Mutant) -> Outcome:
    """On a worker of a scheduler, in a copy of its own."""
    with open_trees(1) as trees:
        return run_mutant(trees, mutant)


def check_on_worker(tests: Sequence[str]) -> None:
    """Likewise without a bug."""
    with open_trees(1) as trees:
        check_clean(trees, tests)


def tell(mutants: Sequence[Mutant], results: Iterable[tuple[Mutant, Outcome]]) -> list[Outcome]:
    """Outcomes in the order of the list, each told when all before it are there."""
    found: dict[str, Outcome] = {}
    outcomes: list[Outcome] = []
    for mutant, outcome in results:
        found[mutant.name] = outcome
        while len(outcomes) < len(mutants) and mutants[len(outcomes)].name in found:
            outcomes.append(found[mutants[len(outcomes)].name])
            caught_by = (outcomes[-1].caught_by or "SURVIVED").rpartition("/")[2]
            line = f"{outcomes[-1].mutant.name:<54} {outcomes[-1].seconds:5.1f} s  {caught_by}"
            print(line, flush=True)
    return outcomes


def share_tests(outcomes: Iterable[Outcome], num_shares: int) -> list[list[str]]:
    """Tests that caught a bug; the names of parameters may come from the code that held it."""
    caught = {outcome.caught_by for outcome in outcomes} - {None, UNTRIED}
    tests = sorted({(test or "").partition("[")[0] for test in caught})
    return [tests[share::num_shares] for share in range(min(num_shares, len(tests)))]
