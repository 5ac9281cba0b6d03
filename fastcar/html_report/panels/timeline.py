"""Cores over the cycles of one layer, static mapping above DRS on one scale, with zoom."""

from __future__ import annotations

from fastcar.html_report.chart import Chart, Json, Panel, make_panel
from fastcar.html_report.elements import Table, make_button
from fastcar.html_report.fills import make_fill
from fastcar.html_report.panels.frames import list_tooltips, quantity
from fastcar.html_report.runs.cosim_run import MLP_PHASES, CosimRun, Timeline

WIDTH_PIXELS = 900
CORE_PIXELS = 34
MAPPINGS = {"static": "static mapping", "drs": "DRS"}
LABELLED_SHARE = 0.05
"""Of the cycles shown, from which on a bar has room for the number of its slot."""


def make_timeline_panel(run: CosimRun, timeline: Timeline, key: str) -> Panel:
    """Both mappings, buttons and keys that zoom and move them together."""
    whole = max(timeline.cycles.values()) or 1
    upper, lower = (
        _make_rows(run, timeline, mapping, title) for mapping, title in MAPPINGS.items()
    )
    spec = {
        "params": [{"name": "first", "value": 0}, {"name": "last", "value": whole}],
        "vconcat": [upper, lower],
        "resolve": {"scale": {"x": "independent"}},
    }
    cycles = ", ".join(f"{title} {timeline.cycles[name]:,}" for name, title in MAPPINGS.items())
    title = f"Layer {timeline.layer_index}, token {timeline.token_index}: cycles of {cycles}"
    words = "Plus and minus zoom, arrow keys move, 0 shows all"
    description = f"Bars: what each core does when. {title}. {words}"
    chart = Chart(
        f"{key}-chart",
        title,
        description,
        spec,
        _make_table(timeline),
        before=_make_controls(key),
        attributes={"data-timeline": str(whole), "tabindex": "0", "data-key": key},
        is_narrow=False,
    )
    return make_panel(key, "Cores over time: static mapping and DRS", chart)


def _make_controls(key: str) -> str:
    buttons = (
        ("in", "+ zoom in"),
        ("out", "- zoom out"),
        ("left", "◀ earlier"),
        ("right", "later ▶"),
        ("whole", "0 all"),
    )
    made = "".join(make_button(f"{key}-{name}", text, f"zoom-{name}") for name, text in buttons)
    return f'<div class="controls">{made}<output id="{key}-range"></output></div>'


def _make_rows(run: CosimRun, timeline: Timeline, mapping: str, title: str) -> Json:
    """One mapping: a row for each core, a bar for each span."""
    rows = [
        {
            "core": f"core {span.core}",
            "slot": f"slot {span.slot}",
            "phase": span.phase,
            "start": span.first_cycle,
            "end": span.last_cycle + 1,
        }
        for span in timeline.spans[mapping]
    ]
    cores = [f"core {core}" for core in range(len(run.cores))]
    limits = {"domainMin": {"expr": "first"}, "domainMax": {"expr": "last"}}
    x = quantity("start", "cycle", scale={**limits, "nice": False, "zero": False})
    y: Json = {"field": "core", "type": "nominal", "title": None, "sort": cores}
    y["scale"] = {"domain": cores}
    text = f"{title}: {timeline.cycles[mapping]:,} cycles"
    return {
        "title": {"text": text, "anchor": "start", "fontSize": 12},
        "data": {"values": rows},
        "width": WIDTH_PIXELS,
        "height": {"step": CORE_PIXELS},
        "layer": [_make_bars(x, y, rows), _make_names(x, y)],
    }


def _make_bars(x: Json, y: Json, rows: list[Json]) -> Json:
    return {
        "mark": {"type": "bar", "clip": True, "stroke": "#1b1b1b", "strokeWidth": 0.6},
        "encoding": {
            "x": x,
            "x2": {"field": "end"},
            "y": y,
            "fill": make_fill("phase", MLP_PHASES),
            "tooltip": list_tooltips(rows),
        },
    }


def _make_names(x: Json, y: Json) -> Json:
    """Numbers of slots, where what is shown of a bar has room for them."""
    begin, end = "max(datum.start, first)", "min(datum.end, last)"
    return {
        "transform": [
            {"filter": f"{end} - {begin} > {LABELLED_SHARE} * (last - first)"},
            {"calculate": f"({end} + {begin}) / 2", "as": "middle"},
        ],
        "mark": {"type": "text", "clip": True, "fontSize": 11, "fontWeight": "bold"},
        "encoding": {"x": {**x, "field": "middle"}, "y": y, "text": {"field": "slot"}},
    }


def _make_table(timeline: Timeline) -> Table:
    rows = [
        (
            title,
            str(span.core),
            str(span.slot),
            span.phase,
            f"{span.first_cycle:,}",
            f"{span.last_cycle:,}",
        )
        for mapping, title in MAPPINGS.items()
        for span in timeline.spans[mapping]
    ]
    return Table(("mapping", "core", "slot", "phase", "first cycle", "last cycle"), rows)
