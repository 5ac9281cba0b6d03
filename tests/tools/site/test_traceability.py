"""The table from the paper to a proof: all its names exist, and one that does not is told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from tools.paths import ROOT
from tools.site.ideas import COLUMNS, IDEAS
from tools.site.traceability import find_faults_of_ideas, is_test, make_tables

FIRST, COSIM = IDEAS[0], "tests/cosim"


def test_every_name_of_the_table_exists() -> None:
    assert find_faults_of_ideas(IDEAS) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"reference": "replay.invented"}, "no fastcar.reference.replay.invented"),
        ({"reference": "invented.replay"}, "no fastcar.reference.invented.replay"),
        ({"unit": "scheduler.make_plan"}, "no fastcar.rtl.scheduler.make_plan"),
        ({"test": "test_engine.py::test_no"}, "no test tests/cosim/test_engine.py::test_no"),
        ({"test": "test_no.py::test_no"}, f"no test {COSIM}/test_no.py::test_no"),
        (
            {"test": "test_engine.py::check_equal"},
            "no test tests/cosim/test_engine.py::check_equal",
        ),
        ({"proof": "P-02, P-99"}, "no statement or formal proof P-99"),
        ({"proof": "invented"}, "no statement or formal proof invented"),
        ({"proof": ""}, "proof is empty without a reason"),
        ({"open": {"unit": "because"}}, "unit is open and not empty"),
    ],
)
def test_a_planted_fault_is_told(change: dict[str, Any], fault: str) -> None:
    assert find_faults_of_ideas([replace(FIRST, **change)]) == [f"{FIRST.name}: {fault}"]


def test_what_is_open_is_listed() -> None:
    lines = make_tables({})["open cells"].splitlines()
    assert len(lines) == sum(not getattr(idea, column) for idea in IDEAS for column in COLUMNS)


@pytest.mark.slow
def test_every_test_of_the_table_is_collected() -> None:
    names = sorted({f"tests/cosim/{idea.test}" for idea in IDEAS if idea.test})
    assert all(
        is_test(ROOT / "tests" / "cosim", name.removeprefix("tests/cosim/")) for name in names
    )
    options = ("-m", "", "--collect-only", "-q", "-p", "no:cacheprovider")
    found = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {line.partition("[")[0] for line in found.splitlines() if "::" in line} == set(names)
