"""How tight the bounds are: left / right of every statement, worst and median."""

from __future__ import annotations

from fastcar.html_report.chart import WIDE_PIXELS, Chart, Json, Panel, make_panel
from fastcar.html_report.elements import Table, format_number, format_share, make_paragraphs
from fastcar.html_report.panels.frames import list_tooltips, quantity
from fastcar.html_report.runs.prove_run import ProveRun, StatementResult

ROW_PIXELS = 20
RATIO_TITLE = "left / right; 1 = the bound is reached"
SMALLEST_RATIO = 1e-6
"""Smaller ratios, and 0, are drawn here: the scale is logarithmic."""


def make_bounds_panel(run: ProveRun, key: str) -> Panel:
    """A row for each statement, and a table with verdicts."""
    parts: list[str | Chart] = [make_paragraphs([run.description])]
    if any(one.worst_ratio is not None for one in run.statements):
        parts.append(_make_chart(run, f"{key}-chart"))
    else:
        parts.append(_make_table(run).to_html())
    return make_panel(key, "Bounds", *parts)


def _make_chart(run: ProveRun, key: str) -> Chart:
    rows = [
        {
            "statement": one.number,
            "ratio": max(ratio, SMALLEST_RATIO),
            "of": kind,
            "title": one.title,
        }
        for one in run.statements
        for kind, ratio in (("worst", one.worst_ratio), ("median", one.median_ratio))
        if ratio is not None
    ]
    spec = {
        "data": {"values": rows},
        "width": WIDE_PIXELS,
        "height": {"step": ROW_PIXELS},
        "layer": [_make_points(rows), _make_limit()],
    }
    held = sum(one.holds for one in run.statements)
    title = f"How tight: left / right of {len(run.statements)} statements, {held} of them hold"
    description = f"Points on a logarithmic scale. {title}"
    return Chart(key, title, description, spec, _make_table(run), is_narrow=False)


def _make_points(rows: list[Json]) -> Json:
    """Diamonds and circles: worst and median."""
    kinds, common = ["worst", "median"], {"field": "of", "type": "nominal", "title": None}
    shape = {"domain": kinds, "range": ["diamond", "circle"]}
    colour = {"domain": kinds, "range": ["#d55e00", "#0072b2"]}
    return {
        "mark": {"type": "point", "size": 80},
        "encoding": {
            "x": quantity("ratio", RATIO_TITLE, scale={"type": "log"}),
            "y": {"field": "statement", "type": "nominal", "title": None, "sort": None},
            "shape": {**common, "scale": shape},
            "color": {**common, "scale": colour},
            "tooltip": list_tooltips(rows),
        },
    }


def _make_limit() -> Json:
    """Where a bound is reached."""
    return {
        "data": {"values": [{"ratio": 1}]},
        "mark": {"type": "rule", "strokeDash": [4, 3], "color": "#7f7f7f"},
        "encoding": {"x": quantity("ratio", RATIO_TITLE)},
    }


def _make_table(run: ProveRun) -> Table:
    header = (
        "",
        "claim",
        "source",
        "verdict",
        "instances",
        "worst",
        "median",
        "vacuous",
        "certified or proved",
    )
    return Table(header, [_make_row(one) for one in run.statements])


def _make_row(one: StatementResult) -> tuple[str, ...]:
    verdicts = ", ".join(f"{name} {count}" for name, count in one.verdicts.items()) or "-"
    return (
        one.number,
        one.title,
        one.source,
        "holds" if one.holds else "DOES NOT HOLD" if one.num_instances else "no instance",
        f"{one.num_instances:,}",
        format_number(one.worst_ratio),
        format_number(one.median_ratio),
        format_share(one.vacuous_share),
        verdicts,
    )
