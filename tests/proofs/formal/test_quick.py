"""Small configurations of every formal proof hold; the full set is `make formal`."""

from __future__ import annotations

import pytest

from proofs.formal.registry import get_task, list_tasks
from proofs.formal.run import run_task
from reference.errors import ArgumentError

QUICK_NAMES = [task.name for task in list_tasks() if task.is_quick]


@pytest.mark.parametrize("name", QUICK_NAMES)
def test_the_quick_set_holds(name: str) -> None:
    assert run_task(get_task(name), with_bugs=False).complaints == ()


def test_every_proof_has_bugs_to_refute() -> None:
    tasks = list_tasks()
    units = {task.name.split(" ")[0] for task in tasks}
    assert units == {task.name.split(" ")[0] for task in tasks if task.bugs}


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^task = 'nonsense': "):
        get_task("nonsense")
