"""Heat maps of measure, decision and age by layer and place, over time."""

from __future__ import annotations

import numpy as np

from fastcar.html_report.chart import Chart, Json, Panel, make_panel
from fastcar.html_report.elements import Table, format_number, format_share, make_paragraphs
from fastcar.html_report.fills import get_pattern_key, make_fill
from fastcar.html_report.panels.decisions import DECISIONS, MAX_AGE
from fastcar.html_report.runs.generate_run import GenerateRun

WIDTH_PIXELS = 960
ROW_PIXELS = 15
CELL_FIELDS = ("layer", "frame", "place", "decision", "age", "measure")
LABELLED_PLACES = 16
"""Labels along the places, at most."""
LABELLED_AGES = 5
"""Steps of the legend of ages, about."""


def make_heat_maps_panel(
    run: GenerateRun, key: str, player_key: str, has_player: bool = True
) -> Panel:
    """Three maps that follow the player's frame, or a line that says why there are none.

    Args:
        run: of `fastcar generate`.
        key: of the panel.
        player_key: of the player whose video and frame they show.
        has_player: whether there is one.
    """
    title = "Score, decision and age by layer and place"
    if run.records is None or not has_player:
        why = "is older than records.npz, so its" if run.records is None else "is too large: its"
        lines = [f"This run {why} decisions are not shown."]
        return make_panel(key, title, make_paragraphs(lines, "missing"))
    measure = run.measure_kind or "measure"
    maps = [
        _make_map(run, f"{key}-decision", "decision", "Decision", player_key),
        _make_map(run, f"{key}-age", "age", "Age of the MLP output, frames", player_key),
    ]
    if np.isfinite(run.records.measures[run.records.eligible]).any():
        maps.insert(
            0,
            _make_map(
                run,
                f"{key}-measure",
                "measure",
                f"What the gate compares: {measure} (dots: may not replay)",
                player_key,
            ),
        )
    return make_panel(key, title, _make_controls(run, key, player_key), *maps)


def _make_controls(run: GenerateRun, key: str, player_key: str) -> str:
    layers = "".join(
        f'<option value="{layer}">frames, of layer {layer}</option>'
        for layer in range(len(run.by_layer))
    )
    return (
        '<div class="controls">'
        f'<label for="{key}-rows">Rows are</label><select id="{key}-rows" data-rows="{player_key}">'
        f'<option value="layers">layers, of the frame shown above</option>{layers}</select>'
        f'<output id="{key}-shown" aria-live="off" data-shown="{player_key}"></output></div>'
    )


def _make_map(run: GenerateRun, key: str, name: str, title: str, player_key: str) -> Chart:
    """A chart without cells; the script gives them."""
    spec = {
        "data": {"name": "cells", "values": []},
        "width": WIDTH_PIXELS,
        "height": {"step": ROW_PIXELS},
        "mark": {"type": "rect", "strokeWidth": 0, "invalid": None},
        "encoding": {
            "x": _make_places(run.tokens_per_frame),
            "y": {"field": "row", "type": "ordinal", "axis": {"title": "row"}},
            "fill": _make_fill(run, name),
            "tooltip": [{"field": field} for field in CELL_FIELDS],
        },
    }
    description = f"{title} of every place, a row for each layer or frame; means in the table below"
    return Chart(
        key,
        title,
        description,
        spec,
        make_map_table(run, name),
        attributes={"data-map": player_key},
        summary="Means by frame and layer, all videos",
        is_narrow=False,
    )


def _make_places(places: int) -> Json:
    step = max(1, -(-places // LABELLED_PLACES))
    axis = {"values": list(range(0, places, step)), "labelAngle": 0, "title": "place in the frame"}
    scale = {"domain": list(range(places))}
    return {"field": "place", "type": "ordinal", "axis": axis, "scale": scale}


def _make_fill(run: GenerateRun, name: str) -> Json:
    if name == "decision":
        return make_fill("decision", DECISIONS)
    if name == "age":
        oldest = max(1, min(len(run.age_shares) - 1, MAX_AGE))
        ages = list(range(0, oldest + 1, max(1, oldest // LABELLED_AGES)))
        return _make_scale("age", "frames", [0, oldest], values=ages)
    return _make_scale("measure", run.measure_kind or "measure", _get_domain(run))


def _make_scale(field: str, title: str, domain: list[float], **legend: object) -> Json:
    """Light to dark; where there is nothing, the pattern of what may not replay."""
    nothing = f"url(#{get_pattern_key('may not replay')})"
    return {
        "condition": {"test": f"datum.{field} === null", "value": nothing},
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"domain": domain, "clamp": True, "scheme": "viridis", "reverse": True},
        "legend": {"gradientLength": 240, "direction": "horizontal", **legend},
    }


def _get_domain(run: GenerateRun) -> list[float]:
    """Percentiles 1 and 99 of the eligible decisions: one far value would flatten the others."""
    assert run.records is not None
    measures = run.records.measures[run.records.eligible]
    low, high = np.percentile(measures[np.isfinite(measures)], [1, 99])
    return [float(low), float(high) if high > low else float(low) + 1]


def make_map_table(run: GenerateRun, name: str) -> Table:
    """Means over places and rows, a row for each frame, a column for each layer."""
    records = run.records
    assert records is not None
    values = {
        "decision": records.replayed.astype(np.float64),
        "age": records.chains.astype(np.float64),
        "measure": np.where(records.eligible, records.measures.astype(np.float64), np.nan),
    }[name]
    show = format_share if name == "decision" else format_number
    layers = range(values.shape[1])
    rows = []
    for frame in range(len(run.by_frame)):
        part = values[frame * run.tokens_per_frame : (frame + 1) * run.tokens_per_frame]
        means = [_average(part[:, layer]) for layer in layers]
        rows.append((f"frame {frame}", *(show(mean) for mean in means)))
    return Table(("", *(f"layer {layer}" for layer in layers)), rows)


def _average(values: np.ndarray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None
