"""Core timelines have every span of both mappings, on one scale that zoom changes."""

from __future__ import annotations

from pathlib import Path

from fastcar.html_report.panels.timeline import make_timeline_panel
from fastcar.html_report.runs.cosim_run import CosimRun, Span, Timeline
from fastcar.html_report.runs.run import Origin

ORIGIN = Origin(Path("cosim.json"), "cosim: cosim.json", None, {}, {}, {})
SPANS = {
    "static": [Span(0, 0, "decide", 0, 9), Span(0, 1, "compute", 10, 99)],
    "drs": [Span(0, 0, "decide", 0, 9), Span(1, 1, "compute", 10, 59)],
}
TIMELINE = Timeline(3, 7, SPANS, {"static": 100, "drs": 60})
PHASES = {"decide": 10, "compute": 90, "replay": 0, "stalled": 0, "idle": 100}
CORE = {**PHASES, "read_stall": 4, "write_stall": 2}
RUN = CosimRun(
    ORIGIN, False, True, None, "2 cores", 1, {"measured": 100}, PHASES, [CORE, CORE], {}, TIMELINE
)


def test_both_mappings_share_their_scale_and_show_every_span() -> None:
    (chart,) = make_timeline_panel(RUN, TIMELINE, "r0-timeline").charts
    spec = chart.to_spec()
    assert {one["name"]: one["value"] for one in spec["params"]} == {"first": 0, "last": 100}
    assert len(spec["vconcat"]) == 2
    for part, spans in zip(spec["vconcat"], SPANS.values(), strict=True):
        rows = part["data"]["values"]
        assert [(row["start"], row["end"]) for row in rows] == [
            (span.first_cycle, span.last_cycle + 1) for span in spans
        ]
        scale = part["layer"][0]["encoding"]["x"]["scale"]
        assert (scale["domainMin"], scale["domainMax"]) == ({"expr": "first"}, {"expr": "last"})
        assert part["layer"][0]["encoding"]["y"]["scale"]["domain"] == ["core 0", "core 1"]


def test_the_table_has_every_span_of_both() -> None:
    (chart,) = make_timeline_panel(RUN, TIMELINE, "r0-timeline").charts
    assert [row[0] for row in chart.table.rows] == ["static mapping"] * 2 + ["DRS"] * 2
    assert ("DRS", "1", "1", "compute", "10", "59") in chart.table.rows
    assert "static mapping 100, DRS 60" in chart.title
