"""The report of a co-simulation: quotients and bytes from its sums, tables from its numbers."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fastcar.cosim.cycles.timeline import Span
from fastcar.cosim.report import build_report
from fastcar.cosim.report_tables import TIMELINE_LETTERS, draw_letters, format_report
from fastcar.cosim.request import CosimRequest, Mode
from fastcar.cosim.run import Cosim
from fastcar.reference.errors import FastCarError
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import TINY
from tests.cosim.test_statistics import NUM_SLOTS, collect

DENSE_CYCLES = 1000


def make_cosim(dispatch: Dispatch = Dispatch.STATIC) -> Cosim:
    """Four layers under static mapping, on which DRS differs."""
    statistics, _ = collect(dispatch, 3)
    mode = Mode.STATIC if dispatch is Dispatch.STATIC else Mode.DRS
    return Cosim(
        CosimRequest(mode=mode, batch=NUM_SLOTS, latency=1),
        cast(Any, SimpleNamespace(name="tiny")),
        TINY,
        range(5, 9),
        None,
        cast(Any, None),
        statistics,
        DENSE_CYCLES,
        cast(Any, None),
        cast(Any, None),
        simulation_seconds=2.0,
    )


def test_cycles_are_those_of_the_run_and_of_the_other_modes() -> None:
    cosim = make_cosim()
    cycles, totals = build_report(cosim)["cycles"], cosim.statistics.totals
    assert cycles["measured"] == cycles["static"] == totals["cycles"]
    assert cycles["fewest"] == cycles["measured"] == cycles["most"]
    assert cycles["drs"] == totals["drs_cycles"] != cycles["static"]
    assert cycles["dense"] == 4 * DENSE_CYCLES
    assert cycles["speed_up_against_dense"] == 4 * DENSE_CYCLES / totals["cycles"]
    assert cycles["static_against_drs"] == totals["static_cycles"] / totals["drs_cycles"]


def test_core_cycles_add_up_and_bytes_are_beats_of_lanes() -> None:
    cosim = make_cosim()
    statistics = cosim.statistics
    for place, core in enumerate(statistics.cores):
        core.update(read_beats=10 + place, written_beats=3 + place, stalled=place)
    statistics.phase_cycles["stalled"] = 1
    report = build_report(cosim)
    available = TINY.num_cores * report["cycles"]["measured"]
    phases = ("decide", "compute", "replay", "stalled", "idle")
    assert sum(report["core_cycles"][phase] for phase in phases) == available
    for core in report["cores"]:
        assert sum(core[phase] for phase in phases) == report["cycles"]["measured"]
    assert report["bytes"] == {"read": 21 * TINY.num_lanes, "written": 7 * TINY.num_lanes}
    assert [core["read_bytes"] for core in report["cores"]] == [40, 44]
    assert [core["written_bytes"] for core in report["cores"]] == [12, 16]
    assert report["mac"]["utilisation"] == report["mac"]["busy"] / available
    assert report["simulation"]["cycles_per_second"] == report["cycles"]["measured"] / 2


def test_tables_show_the_numbers_of_the_report() -> None:
    report = build_report(make_cosim())
    text = format_report(report)
    for number in (report["cycles"]["measured"], report["cycles"]["drs"], 4 * DENSE_CYCLES):
        assert f"{number:,}" in text
    assert f"{report['replay_ratio']:.1%} replayed: " in text
    assert "bounds under stalls" not in text
    rows = [line for line in text.splitlines() if line.startswith("  core ")]
    assert len(rows) == 2 * TINY.num_cores
    assert text.endswith("32 records compared, all equal")


def test_a_failure_is_told_behind_what_was_equal() -> None:
    report = build_report(make_cosim(), FastCarError("it broke"))
    assert not report["equal"]
    assert format_report(report).endswith("32 records equal, then: it broke")


@pytest.mark.parametrize("first", [0, 10, 50])
def test_letters_stand_where_the_cycles_are(first: int) -> None:
    """A tenth of the cycles is a tenth of the letters, within one."""
    spans = [
        asdict(Span(0, 0, "compute", first, first + 9)),
        asdict(Span(0, 1, "replay", first + 10, first + 19)),
    ]
    letters = draw_letters(spans, 100)
    assert len(letters) == TIMELINE_LETTERS
    assert abs(letters.count("c") - TIMELINE_LETTERS / 10) <= 1
    assert abs(letters.count("r") - TIMELINE_LETTERS / 10) <= 1
    assert abs(letters.index("c") - TIMELINE_LETTERS * first / 100) <= 1
    assert letters.strip(".") == "c" * letters.count("c") + "r" * letters.count("r")
