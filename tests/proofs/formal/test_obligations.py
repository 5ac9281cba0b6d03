"""Checkers keep their assertions: the numbers stand here, apart from the texts they count in."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from fastcar.proofs.formal.control_task import MAX_COVERED
from fastcar.proofs.formal.registry import list_tasks
from fastcar.proofs.formal.result import get_expected
from fastcar.proofs.formal.task import INVARIANT_PREFIX, FormalTask

OBLIGATIONS = {
    "scheduler": (23, 0, 4),
    "dispatcher": (35, 0, 8),
    "scheduler attention": (25, 0, 5),
    "dispatcher attention": (36, 0, 9),
    "sections attention": (12, 1, 3),
    "progress attention": (11, 2, 6),
    "queue": (11, 0, 4),
    "progress": (10, 1, 5),
    "requantizer products": (3, 0, 1),
    "requantizer rounding": (2, 0, 2),
    "requantizer moving": (4, 0, 3),
    "requantizer widths": (3, 0, 1),
    "requantizer distribution": (2, 0, 2),
    "requantizer sum": (2, 5, 2),
    "silu magnitude": (1, 0, 1),
    "silu entry": (2, 0, 1),
    "silu step": (1, 0, 1),
    "silu curve": (1, 1, 2),
    "silu factors": (3, 0, 1),
    "silu product": (1, 1, 2),
    "saturating add": (1, 0, 2),
    "score unit": (15, 1, 3),
    "tap products": (7, 0, 1),
    "tap score": (23, 11, 4),
    "read channel": (12, 6, 6),
    "write channel": (16, 6, 6),
    "write strobes short": (26, 9, 11),
    "write strobes": (28, 9, 11),
    "rms norm normalised": (2, 0, 2),
    "rms norm entry": (2, 0, 1),
    "rms norm step": (2, 0, 1),
    "rms norm mantissa": (1, 1, 1),
    "running maximum": (11, 4, 3),
    "running sum": (8, 5, 3),
    "context": (4, 1, 2),
    "pick": (4, 3, 2),
    "reciprocal queue": (13, 1, 2),
    "exponential entry": (1, 0, 1),
    "exponential weight": (1, 2, 3),
    "block walk": (9, 2, 2),
    "order of opcodes": (7, 0, 4),
    "masked keys": (14, 7, 3),
    "masked weights": (16, 5, 2),
    "masked values": (1, 0, 1),
    "reciprocal divisor": (3, 0, 2),
    "reciprocal division": (5, 2, 2),
    "reset": (36, 1, 5),
}
"""Assertions, assumptions, covers; whoever changes a checker changes them knowingly."""
TASKS = list_tasks()


def get_unit(task: FormalTask) -> str:
    """The name without sizes."""
    return " ".join(word for word in task.name.split() if "=" not in word)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_expects_its_obligations(task: FormalTask) -> None:
    assertions, assumptions, covers = OBLIGATIONS[get_unit(task)]
    sizes = dict(word.split("=") for word in task.name.split() if "=" in word)
    if int(sizes.get("C", 0)) * int(sizes.get("B", 0)) > MAX_COVERED:
        covers = 1
    assert astuple(get_expected(task)) == (assertions, assumptions, covers)


def test_every_unit_has_a_task() -> None:
    assert {get_unit(task) for task in TASKS} == OBLIGATIONS.keys()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_an_invariant_is_a_line_that_a_search_for_bugs_leaves_out(task: FormalTask) -> None:
    for line in task.checker.splitlines():
        if INVARIANT_PREFIX in line:
            assert line.strip().startswith(INVARIANT_PREFIX)
            assert line.endswith(";")
