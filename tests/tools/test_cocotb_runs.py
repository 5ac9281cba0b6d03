"""What cocotb's tests said is read from their results, and a missing tool is named."""

from __future__ import annotations

import shutil

import pytest

from fastcar.cosim.verilog.verilog import export_verilog
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import TINY
from tests.simulators import needs_icarus
from tools.cocotb_runs import read_results, run_cocotb
from tools.simulators import plant_bug

RESULTS = """<?xml version='1.0' encoding='utf-8'?>
<testsuites><testsuite name="all" tests="3">
<testcase name="one" time="1.25"><properties>
<property name="sim_time_duration" value="89.999" /><property name="line" value="7" />
</properties></testcase>
<testcase name="two" time="0.5"><properties><property name="sim_time_duration" value="10.0" />
</properties><failure message="no" /></testcase>
<testcase name="three" time="0.0"><error message="no" /></testcase>
</testsuite></testsuites>
"""


def test_results_are_counted() -> None:
    assert read_results(RESULTS) == {
        "passed": 1,
        "failed": ["two", "three"],
        "nanoseconds": 100,
        "seconds": 1.8,
    }


@needs_icarus
@pytest.mark.slow
def test_all_pass_and_a_planted_bug_makes_some_fail() -> None:
    good = run_cocotb("tiny", "icarus")
    assert good["exit_code"] == 0
    assert good["failed"] == []
    assert good["passed"] == 10
    broken, _, _ = plant_bug(export_verilog(TINY).text)
    bad = run_cocotb("tiny", "icarus", broken)
    assert bad["exit_code"] != 0
    assert len(bad["failed"]) > 3


def test_a_missing_simulator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == "make" else None)
    with pytest.raises(ArgumentError, match=r"^iverilog = 'not found'"):
        run_cocotb("tiny", "icarus")
