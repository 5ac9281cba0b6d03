"""A chart: a specification in Vega-Lite, a description in words, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import Any

from fastcar.html_report.elements import Table, make_details

Json = dict[str, Any]

WIDTH_PIXELS = 430
"""Of the plot of a narrow chart, two of which stand side by side."""
WIDE_PIXELS = 860

CONFIG: Json = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridOpacity": 0.5,
    },
    "legend": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "orient": "bottom",
        "symbolSize": 160,
        "columns": 5,
        "labelLimit": 420,
    },
    "line": {"strokeWidth": 2},
    "point": {"size": 70, "filled": True, "opacity": 1},
}
"""What all charts share; the style sheet colours text and lines, for light and dark."""


@dataclass(frozen=True)
class Chart:
    """A figure of the page.

    Attributes:
        key: unique on the page.
        title: above it.
        description: what it shows, for who cannot see it.
        spec: Vega-Lite without what all charts share.
        table: the numbers.
        before: HTML between title and plot, such as controls.
        summary: what opens the table.
        attributes: further ones of the figure, for the script.
        is_narrow: whether another chart fits beside it.
    """

    key: str
    title: str
    description: str
    spec: Json
    table: Table
    before: str = ""
    summary: str = "Numbers as a table"
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_narrow: bool = True

    def to_html(self) -> str:
        """The figure; the script draws into it."""
        more = "".join(f' {name}="{escape(value)}"' for name, value in self.attributes.items())
        return (
            f'<figure class="chart" id="{self.key}"{more}>'
            f"<figcaption>{escape(self.title)}</figcaption>{self.before}"
            f'<div class="plot" role="img" aria-label="{escape(self.description)}" '
            f'data-chart="{self.key}"></div>'
            f"{make_details(self.summary, self.table.to_html())}</figure>"
        )

    def to_spec(self) -> Json:
        """The whole specification."""
        return {"config": CONFIG, "description": self.description, **self.spec}


@dataclass(frozen=True)
class Panel:
    """A section of a run.

    Attributes:
        html: of the section.
        charts: that the script draws.
        content: for the script, by key: frames, decisions.
    """

    html: str
    charts: Sequence[Chart] = ()
    content: Mapping[str, Any] = field(default_factory=dict)


def make_panel(key: str, title: str, *parts: str | Chart, content: Json | None = None) -> Panel:
    """A section with a heading.

    Args:
        key: unique on the page.
        title: heading.
        parts: HTML and charts, in this order.
        content: for the script.
    """
    inner = "".join(_make_parts(parts))
    html = f'<section class="panel" id="{key}"><h3>{escape(title)}</h3>{inner}</section>'
    charts = [part for part in parts if isinstance(part, Chart)]
    return Panel(html, charts, content or {})


def _make_parts(parts: Sequence[str | Chart]) -> Iterator[str]:
    """HTML of the parts; narrow charts that follow each other share a grid."""
    for is_narrow, group in groupby(parts, lambda part: isinstance(part, Chart) and part.is_narrow):
        inner = "".join(part.to_html() if isinstance(part, Chart) else part for part in group)
        yield f'<div class="grid">{inner}</div>' if is_narrow else inner
