"""A small writer of drawings: boxes, texts and arrows as SVG, readable on any ground."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

FONT = "font-family='sans-serif' font-size='13'"
INK = "#1c2733"
FILLS = {"plain": "#ffffff", "compute": "#f6d6c3", "replay": "#cfe3f5", "state": "#e9e9ee"}
"""Colour of a box by its kind."""


@dataclass
class Drawing:
    """Elements of a drawing, in the order in which they are painted.

    Attributes:
        width: in pixels.
        height: likewise.
        title: read out where the picture is not shown.
        elements: SVG, one a line.
    """

    width: int
    height: int
    title: str
    elements: list[str] = field(default_factory=list)

    def put_box(self, left: int, top: int, width: int, height: int, kind: str = "plain") -> None:
        """A rectangle of a kind of `FILLS`."""
        self.elements.append(
            f"<rect x='{left}' y='{top}' width='{width}' height='{height}' rx='3' "
            f"fill='{FILLS[kind]}' stroke='{INK}'/>"
        )

    def put_text(self, x: int, y: int, text: str, anchor: str = "middle", size: int = 13) -> None:
        """A line of text; `anchor` is start, middle or end."""
        self.elements.append(
            f"<text x='{x}' y='{y}' text-anchor='{anchor}' font-size='{size}'>{escape(text)}</text>"
        )

    def put_arrow(self, points: Iterable[tuple[int, int]]) -> None:
        """A line through points with a head at the last one."""
        path = " ".join(f"{x},{y}" for x, y in points)
        self.elements.append(
            f"<polyline points='{path}' fill='none' stroke='{INK}' marker-end='url(#head)'/>"
        )

    def write(self) -> str:
        """The text of the file."""
        body = "\n".join(self.elements)
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {self.width} {self.height}' "
            f"width='{self.width}' height='{self.height}' role='img' {FONT} fill='{INK}'>\n"
            f"<title>{escape(self.title)}</title>\n"
            "<defs><marker id='head' markerWidth='8' markerHeight='8' refX='7' refY='3' "
            "orient='auto'><path d='M0,0 L7,3 L0,6 Z'/></marker></defs>\n"
            f"<rect width='{self.width}' height='{self.height}' fill='#fbfbfd'/>\n{body}\n</svg>\n"
        )
