"""Runs by teams of threads against those of one, in a process that can be ended if it hangs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fastcar.reference.replay import ReplayConfig, Semantics
from tests.reference.kernels.frame.generation import (
    PAIRS,
    SHAPES,
    FrameEngine,
    Generation,
    compare,
)
from tests.reference.kernels.frame.test_runner_refusals import CASES, Case, refuse
from tests.reference.strategies import GATES

TEAMS = (2, 3)
REPEATS = 5
"""Of a refusal: threads meet differently every time."""


def list_generations() -> Iterator[Generation]:
    """Every gate, every shape, every kind, every replacement; guidance and both scores."""
    base = Generation(num_given=2)
    for index, spec in enumerate((None, *GATES)):
        yield replace(base, spec=spec, guidance=1.5 if index % 2 else None)
    for index, shape in enumerate(SHAPES):
        replay = ReplayConfig(3, Semantics.PUBLISHED if index % 2 else Semantics.PAPER)
        yield replace(base, shape=shape, spec=GATES[index], replay=replay, videos=1 + index)
    for pair in PAIRS[1:]:
        yield replace(base, pair=pair, spec=GATES[3], videos=3)
    for replaced_by in ("constant", "1 corrected", "40 corrected"):
        for spec in (GATES[1], GATES[3]):
            generation = replace(base, shape="whole vectors", spec=spec, videos=5)
            yield replace(generation, replaced_by=replaced_by)


def check_refusal(name: str, case: Case, threads: int) -> None:
    """The words of one thread."""
    expected = str(refuse(case, FrameEngine()))
    for _ in range(REPEATS):
        found = refuse(case, FrameEngine(threads))
        assert str(found) == expected, (name, threads, found)


def main() -> None:
    """Says how many runs were the same."""
    count = 0
    for generation in list_generations():
        expected = generation.run(FrameEngine())
        for threads in TEAMS:
            compare(expected, generation.run(FrameEngine(threads)))
            count += 1
    for name, case in CASES.items():
        for threads in TEAMS:
            check_refusal(name, case, threads)
            count += 1
    print(count)
