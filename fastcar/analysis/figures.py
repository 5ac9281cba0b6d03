"""Figures without a display, all in one style.

The figures are made without `pyplot`, which keeps global state and may pick a window system.
Matplotlib is imported when the first is drawn: a report without figures does without.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_INCHES = (5.2, 4.0)
DOTS_PER_INCH = 110
COLOURS = {
    "tas": "#0072b2",
    "input": "#d55e00",
    "input-relative": "#e69f00",
    "accumulated": "#56b4e9",
    "accumulated-frame": "#332288",
    "motion": "#882255",
    "skip-cosine": "#999933",
    "codes": "#44aa99",
    "oracle": "#009e73",
    "random": "#7f7f7f",
    "periodic": "#cc79a7",
    "dense": "#000000",
}
"""One colour per gate in all figures; the palette keeps apart for colour-blind readers."""

NAMES = {
    "tas": "TAS",
    "input": "input distance",
    "input-relative": "relative input distance",
    "accumulated": "accumulated change",
    "accumulated-frame": "accumulated change of frames",
    "motion": "change weighted by motion",
    "skip-cosine": "cosine of the layer before",
    "codes": "distance of codes",
    "oracle": "oracle",
    "random": "random",
    "periodic": "periodic",
    "dense": "dense",
}
"""Names of the gates in text and legends."""

NATS_LABEL = "nats per token"


def make_panels(columns: int, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side, row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = PANEL_INCHES
    size = width * columns, height * rows
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    panels = [figure.add_subplot(rows, columns, index + 1) for index in range(rows * columns)]
    for panel in panels:
        style_panel(panel)
    return figure, panels


def style_panel(panel: Axes) -> None:
    """A faint grid behind what is drawn, and no frame."""
    panel.grid(visible=True, alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
    panel.set_axisbelow(True)


def label_panel(panel: Axes, title: str, x_label: str, y_label: str) -> None:
    """Title and labels; labels name their units."""
    panel.set_title(title, fontsize=10)
    panel.set_xlabel(x_label)
    panel.set_ylabel(y_label)


def add_legend(figure: Figure, panel: Axes, columns: int = 4) -> None:
    """The legend of one panel below all panels, where it hides no point."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)


def use_whole_numbers(panel: Axes) -> None:
    """No tick between two frames."""
    from matplotlib.ticker import MaxNLocator

    panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG without a date, so that equal numbers give equal files."""
    figure.savefig(path, metadata={"Software": None})
