"""Fills that differ in pattern as well as in colour, so that no chart needs colours to be read."""

from __future__ import annotations

import json
from collections.abc import Sequence

from fastcar.html_report.chart import Json

COLOURS = {
    "compute": "#0072b2",
    "replay": "#009e73",
    "decide": "#e69f00",
    "stalled": "#d55e00",
    "idle": "#d9d9d9",
    "attention": "#56b4e9",
    "mlp": "#0072b2",
    "pick": "#e69f00",
    "read": "#56b4e9",
    "write": "#cc79a7",
    "score": "#e69f00",
    "other": "#d9d9d9",
    "computed": "#0072b2",
    "replayed": "#7fd6bb",
    "may not replay": "#e3e3e3",
    "not fed": "#ffffff",
}
"""Of phases, sections and decisions; the palette keeps apart for colour-blind readers."""

_LINES = {
    "stripe": "M-2 2 L2 -2 M0 8 L8 0 M6 10 L10 6",
    "back": "M-2 6 L2 10 M0 0 L8 8 M6 -2 L10 2",
    "upright": "M2 0 V8 M6 0 V8",
    "level": "M0 2 H8 M0 6 H8",
    "cross": "M0 0 L8 8 M0 8 L8 0",
    "dot": "M3 4 h2",
}
PATTERNS = {
    "replay": "stripe",
    "replayed": "stripe",
    "decide": "upright",
    "pick": "upright",
    "score": "upright",
    "stalled": "cross",
    "idle": "dot",
    "other": "dot",
    "may not replay": "dot",
    "attention": "level",
    "read": "level",
    "write": "back",
}
"""Lines over the colour; what has none is plain."""

SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "triangle-down",
    "triangle-right",
    "triangle-left",
)
DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3), (10, 4), (4, 4), (1, 3), (12, 3, 2, 3, 2, 3))
LINE_COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7f7f7f",
    "#999933",
)
"""Lines differ in all three."""


def get_pattern_key(name: str) -> str:
    """Of the pattern's element."""
    return "fill-" + name.replace(" ", "-")


def make_pattern_definitions() -> str:
    """An invisible drawing that holds all patterns."""
    return (
        '<svg width="0" height="0" class="patterns" aria-hidden="true"><defs>'
        + "".join(map(_make_pattern, COLOURS))
        + "</defs></svg>"
    )


def _make_pattern(name: str) -> str:
    lines = _LINES.get(PATTERNS.get(name, ""), "")
    drawn = f'<path d="{lines}" stroke="#1b1b1b" stroke-width="1.3" fill="none"/>' if lines else ""
    return (
        f'<pattern id="{get_pattern_key(name)}" width="8" height="8" '
        f'patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="{COLOURS[name]}"/>'
        f"{drawn}</pattern>"
    )


def make_fill(field: str, names: Sequence[str], title: str | None = None) -> Json:
    """Encoding of a nominal field by patterns."""
    urls = [f"url(#{get_pattern_key(name)})" for name in names]
    return {
        "field": field,
        "type": "nominal",
        "title": title,
        "scale": {"domain": list(names), "range": urls},
        "sort": list(names),
    }


def make_line_encodings(field: str, names: Sequence[str], title: str | None = None) -> Json:
    """Colour and shape of a field, with one legend for both, and its dashes.

    Dashes have no scale, for Vega would draw them around the symbols of the legend too.
    """
    common = {"field": field, "type": "nominal", "title": title, "sort": list(names)}
    dashes = _repeat([list(dash) for dash in DASHES], len(names))
    ranges = {"color": LINE_COLOURS, "shape": SHAPES}
    scaled = {
        kind: {**common, "scale": {"domain": list(names), "range": _repeat(values, len(names))}}
        for kind, values in ranges.items()
    }
    conditions = [
        {"test": f"datum[{json.dumps(field)}] === {json.dumps(name)}", "value": dash}
        for name, dash in zip(names, dashes, strict=False)
    ]
    return {**scaled, "strokeDash": {"condition": conditions, "value": [1, 0]}}


def _repeat(values: Sequence[object], count: int) -> list[object]:
    return [values[index % len(values)] for index in range(max(count, 1))]
