"""Refusals are one line that names argument, value and limit."""

from __future__ import annotations

import ast
import copy
import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError, CheckpointError, FastCarError, OutputError


def test_each_kind_names_its_parts() -> None:
    assert str(ArgumentError("tau", 3, "at most 2")) == "tau = 3: must be at most 2"
    assert str(ArgumentError("name", "x", "y")) == "name = 'x': must be y"
    assert str(CheckpointError("a.json: key", 3, "4")) == "a.json: key: found 3: must be 4"
    assert str(OutputError("out", "is a file")) == "output = 'out': is a file"


def test_an_integer_that_python_does_not_show_is_no_error_of_its_own() -> None:
    huge = 10**5000
    limit = "must be at most 2$"
    with pytest.raises(ArgumentError, match=f"^frames = int too long to be shown: {limit}"):
        raise ArgumentError("frames", huge, "at most 2")
    with pytest.raises(CheckpointError, match="too long to be shown"):
        raise CheckpointError("a.json: frames", huge, "at most 2")


def test_parts_are_kept_for_callers() -> None:
    argument = ArgumentError("tau", 3, "at most 2")
    assert (argument.argument, argument.value, argument.limit) == ("tau", 3, "at most 2")
    checkpoint = CheckpointError("a.json", 3, "4")
    assert (checkpoint.place, checkpoint.found, checkpoint.limit) == ("a.json", 3, "4")


@given(st.text())
def test_a_hostile_value_stays_on_one_short_line(value: str) -> None:
    text = str(ArgumentError("name", value, "short"))
    assert len(text.splitlines()) == 1
    assert len(text) <= len("name = : must be short") + 80


@pytest.mark.parametrize("kind", [ArgumentError, CheckpointError, OutputError])
def test_one_class_catches_them_all(kind: type[Exception]) -> None:
    assert issubclass(kind, FastCarError)
    assert issubclass(ArgumentError, ValueError)


ROOT = Path(__file__).parents[2]


def list_kinds() -> list[type[FastCarError]]:
    """Every class below FastCarError, found by the bases that the sources name."""
    bases: dict[str, tuple[str, set[str]]] = {}
    for tree in ("reference", "rtl", "cosim", "proofs", "fastcar"):
        for path in ROOT.joinpath(tree).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    names = {ast.unparse(base).rsplit(".")[-1] for base in node.bases}
                    prefix = "" if tree == "fastcar" else "fastcar."
                    bases[node.name] = (prefix + module, names)
    found = {"FastCarError"}
    while new := {name for name, (_, names) in bases.items() if names & found} - found:
        found |= new
    return [getattr(import_module(bases[name][0]), name) for name in sorted(found)]


def test_every_kind_crosses_processes_with_all_it_says() -> None:
    kinds = list_kinds()
    names = {kind.__name__ for kind in kinds}
    assert {"WatchdogError", "LockstepError", "ToolTimeoutError", "WorkerError"} <= names
    for kind in kinds:
        error: Any = kind.__new__(kind)
        error.args = ("line 3: wrong",)
        error.place, error.nested = "line 3", ArgumentError("tau", (3, "x"), "less")
        for carried in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(carried) is kind
            assert str(carried) == "line 3: wrong"
            assert vars(carried)["place"] == "line 3"
            assert vars(carried)["nested"].value == (3, "x")


def test_what_was_given_to_a_kind_crosses_processes() -> None:
    for error in (
        ArgumentError("tau", 3, "at most 2"),
        CheckpointError("a.json: key", [3], "4"),
        OutputError(Path("out"), "is a file"),
    ):
        carried = pickle.loads(pickle.dumps(error))
        assert (str(carried), vars(carried)) == (str(error), vars(error))


def test_a_value_that_cannot_be_carried_arrives_as_its_text() -> None:
    error = ArgumentError("gate", test_parts_are_kept_for_callers.__code__, "a gate")
    carried = pickle.loads(pickle.dumps(error))
    assert carried.value == repr(error.value)
    assert str(carried) == str(error)
