"""Refusals are one line that names argument, value and limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError, CheckpointError, FastCarError, OutputError


def test_each_kind_names_its_parts() -> None:
    assert str(ArgumentError("tau", 3, "at most 2")) == "tau = 3: must be at most 2"
    assert str(ArgumentError("name", "x", "y")) == "name = 'x': must be y"
    assert str(CheckpointError("a.json: key", 3, "4")) == "a.json: key: found 3: must be 4"
    assert str(OutputError("out", "is a file")) == "output = 'out': is a file"


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
