"""Small configurations of every formal proof hold; the full set is `make formal`."""

from __future__ import annotations

import importlib
import inspect

import pytest

from fastcar.proofs.formal.design import replace_once
from fastcar.proofs.formal.registry import get_task, list_tasks
from fastcar.proofs.formal.run import run_task
from fastcar.reference.errors import ArgumentError

QUICK_NAMES = [task.name for task in list_tasks() if task.is_quick]


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK_NAMES)
def test_the_quick_set_holds(name: str) -> None:
    assert run_task(get_task(name), with_bugs=False).complaints == ()


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["scheduler", "dispatcher", "progress"])
def test_inductions_close_where_slots_fill_the_index_register(unit: str) -> None:
    """With 32 slots, counters of slots can overflow in states that nothing rules out."""
    assert run_task(get_task(f"{unit} C=1 B=32"), with_bugs=False).complaints == ()


def test_every_proof_has_bugs_to_refute() -> None:
    tasks = list_tasks()
    units = {task.name.split(" ")[0] for task in tasks}
    assert units == {task.name.split(" ")[0] for task in tasks if task.bugs}


def test_every_planted_bug_fits_the_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text stands once in the module that it names; nothing is exported."""
    fitting: list[str] = []

    class FitsError(Exception):
        """Ends the export."""

    def check(module: str, old: str, new: str) -> None:
        source = inspect.getsource(importlib.import_module(module))
        assert replace_once(source, old, new) != source
        fitting.append(old)
        raise FitsError

    monkeypatch.setattr("fastcar.proofs.formal.design.planted", check)
    bugs = [bug for task in list_tasks() for bug in task.bugs]
    for bug in bugs:
        with pytest.raises(FitsError):
            bug.make_design()
    assert len(fitting) == len(bugs)


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^task = 'nonsense': "):
        get_task("nonsense")
