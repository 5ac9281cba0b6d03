"""Curves of a sweep: a result against the replayed share, a line for each setting."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastcar.html_report.chart import CONFIG, WIDE_PIXELS, Chart, Panel, make_panel
from fastcar.html_report.elements import Table, format_number, format_share, make_paragraphs
from fastcar.html_report.fills import SHAPES
from fastcar.html_report.panels.frames import HEIGHT_PIXELS, make_lines, quantity
from fastcar.html_report.runs.run import show
from fastcar.html_report.runs.sweep_run import CURVES, Curves, Row, SweepRun

TITLE = "Ratio and result of the points of the sweep"


def make_sweep_panel(run: SweepRun, key: str) -> Panel:
    """The curves, or a line that says why there are none.

    Args:
        run: of `fastcar sweep`.
        key: of the panel.
    """
    if run.problem is not None:
        return make_panel(key, TITLE, make_paragraphs([run.problem], "missing"))
    curves = CURVES[run.scope]
    column = next((name for name in curves.y if any(has_number(row, name) for row in run.rows)), "")
    drawn = _draw_rows(run.rows, curves, column)
    if not drawn:
        lines = ["No point has a replayed share and a result."]
        return make_panel(key, TITLE, make_paragraphs(lines, "missing"))
    names = list(dict.fromkeys(str(row["curve"]) for row in drawn))
    shown = names[: len(SHAPES)]
    drawn = [row for row in drawn if row["curve"] in shown]
    notes = [f"{len(drawn):,} of {run.num_points:,} points are drawn."]
    if len(names) > len(shown):
        notes.append(f"The first {len(shown)} of {len(names)} settings have a curve.")
    chart = _make_chart(drawn, shown, curves, column, f"{key}-chart")
    return make_panel(key, TITLE, make_paragraphs(notes), chart)


def has_number(row: Row, column: str) -> bool:
    """Whether a row has a finite number in a column.

    >>> [has_number({"ratio": value}, "ratio") for value in (0.5, None, True, float("nan"))]
    [True, False, False, False]
    """
    value = row.get(column)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def _draw_rows(found: Sequence[Row], curves: Curves, column: str) -> list[Row]:
    """Share in percent, result, and the name of the curve: the settings that differ."""
    rows = [row for row in found if has_number(row, curves.x) and has_number(row, column)]
    varying = [name for name in curves.names if len({str(row.get(name)) for row in rows}) > 1]
    return [
        {
            "percent": 100 * row[curves.x],
            "result": row[column],
            "curve": ", ".join(f"{name} {show(row.get(name))}" for name in varying) or "all",
        }
        for row in sorted(rows, key=lambda row: float(row[curves.x]))
    ]


def _make_chart(rows: list[Row], names: list[str], curves: Curves, column: str, key: str) -> Chart:
    x = quantity("percent", "% of the MLPs replayed")
    y = quantity("result", curves.title, scale={"zero": False})
    spec = make_lines(rows, x, y, "curve", names)
    legend = {**CONFIG["legend"], "columns": 2}
    spec |= {"width": WIDE_PIXELS, "height": 1.6 * HEIGHT_PIXELS}
    spec["config"] = {**CONFIG, "legend": legend}
    cells = [
        (str(row["curve"]), format_share(row["percent"] / 100), format_number(row["result"]))
        for row in rows
    ]
    title = f"{column.replace('_', ' ')} against ratio"
    description = f"Lines: {title}, {len(names)} settings, {len(rows)} points"
    table = Table(("setting", "replayed", column.replace("_", " ")), cells)
    return Chart(key, title, description, spec, table, is_narrow=False)
