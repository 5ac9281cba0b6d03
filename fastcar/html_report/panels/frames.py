"""Curves of one run of `generate`: replay and quality by frame, ages, time, calibration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from fastcar.html_report.chart import WIDTH_PIXELS, Chart, Json, Panel, make_panel
from fastcar.html_report.elements import Table, format_number, format_share
from fastcar.html_report.fills import make_fill, make_line_encodings
from fastcar.html_report.runs.generate_run import GenerateRun

HEIGHT_PIXELS = 200
PARTS = ("attention", "mlp", "score", "other")


def make_frames_panel(run: GenerateRun, key: str) -> Panel:
    """All of them that the run has numbers for."""
    return make_panel(key, "Ratio, quality, age and time", *_list_charts(run, key))


def _list_charts(run: GenerateRun, key: str) -> Iterator[Chart]:
    if any(ratio is not None for ratio in run.by_frame):
        yield _make_ratio_chart(run, f"{key}-ratio")
    if run.quality:
        yield _make_quality_chart(run, f"{key}-psnr")
    if run.age_shares:
        yield _make_age_chart(run, f"{key}-age")
    yield _make_time_chart(run, f"{key}-time")
    if any(tau is not None and math.isfinite(tau) for tau, _ in run.curve):
        yield _make_curve_chart(run, f"{key}-curve")


def make_bars(rows: list[Json], x: Json, y: Json, more: Json | None = None) -> Json:
    """Specification of bars; `more` are further encodings."""
    return {
        "data": {"values": rows},
        "width": WIDTH_PIXELS,
        "height": HEIGHT_PIXELS,
        "mark": {"type": "bar", "stroke": "#1b1b1b", "strokeWidth": 0.5, "color": "#0072b2"},
        "encoding": {
            "x": x,
            "y": y,
            "tooltip": list_tooltips(rows),
            **(more or {}),
        },
    }


def make_lines(rows: list[Json], x: Json, y: Json, field: str, names: list[str]) -> Json:
    """Specification of lines with markers, told apart by colour, dashes and shape."""
    encodings = make_line_encodings(field, names)
    shared = {"x": x, "y": y, "tooltip": list_tooltips(rows)}
    dashed = {name: encodings[name] for name in ("color", "strokeDash")}
    marked = {name: encodings[name] for name in ("color", "shape")}
    return {
        "data": {"values": rows},
        "width": WIDTH_PIXELS,
        "height": HEIGHT_PIXELS,
        "layer": [
            {"mark": "line", "encoding": {**shared, **dashed}},
            {"mark": "point", "encoding": {**shared, **marked}},
        ],
    }


def list_tooltips(rows: list[Json]) -> list[Json]:
    """Every field of the first row."""
    return [{"field": name} for name in rows[0]] if rows else []


def quantity(field: str, title: str, **more: object) -> Json:
    """Encoding of numbers."""
    return {"field": field, "type": "quantitative", "title": title, **more}


def _make_ratio_chart(run: GenerateRun, key: str) -> Chart:
    rows = [
        {"frame": frame, "percent": 100 * ratio}
        for frame, ratio in enumerate(run.by_frame)
        if ratio is not None
    ]
    x = {"field": "frame", "type": "ordinal", "axis": {"labelAngle": 0}}
    spec = make_bars(
        rows, x, quantity("percent", "% of the MLPs replayed", scale={"domain": [0, 100]})
    )
    pairs = [(f"frame {frame}", format_share(ratio)) for frame, ratio in enumerate(run.by_frame)]
    layers = [(f"layer {layer}", format_share(ratio)) for layer, ratio in enumerate(run.by_layer)]
    table = Table(("", "replayed"), [*pairs, *layers])
    description = f"Bars: replayed share of every frame; {format_share(run.ratio)} over all"
    return Chart(key, "Replay by frame", description, spec, table)


def _make_quality_chart(run: GenerateRun, key: str) -> Chart:
    names = [name.replace("_", " ") for name in run.quality]
    rows, cells = [], []
    for name, one in zip(names, run.quality.values(), strict=True):
        for index, (psnr, ssim) in enumerate(
            zip(one.psnr_by_frame, one.ssim_by_frame, strict=False)
        ):
            frame = one.first_frame + index
            rows.append({"frame": frame, "decibels": psnr, "comparison": name})
            cells.append((f"frame {frame}, {name}", format_number(psnr), format_number(ssim)))
    x = {"field": "frame", "type": "ordinal", "axis": {"labelAngle": 0}}
    spec = make_lines(
        rows, x, quantity("decibels", "PSNR, dB (100 = the same)"), "comparison", names
    )
    totals = "; ".join(
        f"{name} {one.psnr_decibels:.2f} dB, SSIM {one.ssim:.4f}"
        for name, one in zip(names, run.quality.values(), strict=True)
    )
    table = Table(("", "PSNR, dB", "SSIM"), cells)
    return Chart(key, f"Quality by frame: {totals}", f"Lines: PSNR by frame. {totals}", spec, table)


def _make_age_chart(run: GenerateRun, key: str) -> Chart:
    rows = [{"age": age, "percent": 100 * share} for age, share in enumerate(run.age_shares)]
    x = {
        "field": "age",
        "type": "ordinal",
        "title": "age of the MLP output, frames",
        "axis": {"labelAngle": 0},
    }
    spec = make_bars(rows, x, quantity("percent", "% of the decisions"))
    cells = [(f"{age}", format_share(share)) for age, share in enumerate(run.age_shares)]
    longest = len(run.age_shares) - 1
    description = f"Bars: share of the decisions by age of the output used; the oldest is {longest}"
    return Chart(key, "Age of the outputs used", description, spec, Table(("age", "share"), cells))


def _make_time_chart(run: GenerateRun, key: str) -> Chart:
    names = [name for name in PARTS if name in run.seconds["dense"]]
    rows = [
        {"run": kind, "part": part, "seconds": seconds, "order": names.index(part)}
        for kind, parts in run.seconds.items()
        for part, seconds in parts.items()
        if part in names
    ]
    x = quantity("seconds", "seconds of decoding")
    y = {"field": "run", "type": "nominal", "title": None}
    more = {"fill": make_fill("part", names), "order": {"field": "order"}}
    spec = {**make_bars(rows, x, y, more), "height": 90}
    found = f"speed-up {format_number(run.speed_up, 3)}"
    return Chart(
        key,
        f"Decode time by part, {found}",
        f"Stacked bars: seconds by part. {found}",
        spec,
        make_part_table(run.seconds),
    )


def make_part_table(seconds: Mapping[str, Mapping[str, float]]) -> Table:
    """A row for each kind of run, a column for each part."""
    names = list(dict.fromkeys(name for parts in seconds.values() for name in parts))
    rows = [
        (kind, *(format_number(parts.get(name)) for name in names))
        for kind, parts in seconds.items()
    ]
    return Table(("seconds", *names), rows)


def _make_curve_chart(run: GenerateRun, key: str) -> Chart:
    points = [(tau, ratio) for tau, ratio in run.curve if tau is not None and math.isfinite(tau)]
    x = quantity("threshold", "threshold, one for all layers", scale={"zero": False})
    spec: Json = {
        "data": {"values": [{"threshold": tau, "percent": 100 * ratio} for tau, ratio in points]},
        "width": WIDTH_PIXELS,
        "height": HEIGHT_PIXELS,
        "mark": {"type": "line", "interpolate": "step-after", "color": "#0072b2"},
        "encoding": {"x": x, "y": quantity("percent", "% replayed")},
    }
    cells = [(format_number(tau), format_share(ratio)) for tau, ratio in points]
    description = "A line: ratio on the scores of the dense run against the threshold"
    table = Table(("threshold", "ratio"), cells)
    return Chart(key, "Ratio against threshold, open loop", description, spec, table)
