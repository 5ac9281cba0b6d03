"""Cycles by mode, phase and stall are those of the report."""

from __future__ import annotations

from dataclasses import replace

from fastcar.html_report.panels.cycles import make_cycles_panel
from tests.fastcar.html_report.panels.test_timeline import PHASES, RUN


def test_charts_hold_the_numbers_of_the_cores() -> None:
    run = replace(RUN, cycles={"measured": 100, "drs": 100, "static": 160, "dense": 200})
    modes, phases, stalls = make_cycles_panel(run, "r0-cycles").charts
    assert ("static", "160", "1.250") in modes.table.rows
    drawn = [row for row in phases.spec["data"]["values"] if row["core"] == "core 1"]
    assert {row["phase"]: row["cycles"] for row in drawn} == PHASES
    assert ("core 0", "4", "2") in stalls.table.rows


def test_a_run_that_counted_nothing_says_why() -> None:
    run = replace(RUN, cycles={"measured": 0}, is_equal=False, failure="a record differs")
    panel = make_cycles_panel(run, "r0-cycles")
    assert not panel.charts
    assert "No cycles were counted: a record differs" in panel.html
