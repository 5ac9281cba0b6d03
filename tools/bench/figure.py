"""The figure of `make bench`.

    python -m tools.bench.figure [--folder DIR]

draws docs/performance.png anew from the numbers in docs/performance.json, and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from fastcar.analysis.figures import DOTS_PER_INCH, label_panel, save_figure, style_panel
from fastcar.output import write_atomically
from fastcar.reference.laps import PARTS
from tools.bench.plan import ENGINES, PEERS, REFERENCE_ENGINE
from tools.bench.video import REPLAYED
from tools.paths import DOCS

Results = dict[str, Any]

FIGURE_INCHES = (13, 11)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
MARKERS = "os^D"
PART_COLOURS = ("#56b4e9", "#0072b2", "#e69f00", "#d9d9d9")
PART_HATCHES = ("--", "", "||", "..")
"""Lines differ in marker, bars in hatch, and both in colour: without colour either is enough."""

GROWTHS = ("frames", "width", "batch")
BAR_HEIGHT = 0.7
SPEED_MARGIN = 0.05


def draw_performance(results: Results, path: Path) -> None:
    """Dense contenders against the streaming limit, parts, replay against Amdahl, growth; as PNG.

    Args:
        results: what docs/performance.json holds.
        path: of the picture.
    """
    save_figure(make_figure(results), path)


def make_figure(results: Results) -> Figure:
    """Dense and parts above, a panel of replay for each batch below, growth last."""
    batches = sorted({cell["batch"] for cell in _get_last_cells(results["geometries"][0])})
    figure = Figure(figsize=FIGURE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.add_gridspec(3, 1, height_ratios=(1.1, 1, 1))
    dense, parts = split_row(figure, rows[0], 2)
    _draw_dense(dense, results)
    _draw_parts(parts, results)
    for panel, batch in zip(split_row(figure, rows[1], len(batches)), batches, strict=True):
        _draw_replay(panel, results, batch)
    for panel, kind in zip(split_row(figure, rows[2], len(GROWTHS)), GROWTHS, strict=True):
        _draw_growth(panel, results, kind)
    for panel in figure.axes:
        style_panel(panel)
    return figure


def split_row(figure: Figure, row: SubplotSpec, columns: int) -> list[Axes]:
    """Panels side by side in one row of a figure."""
    grid = row.subgridspec(1, columns)
    return [figure.add_subplot(grid[0, index]) for index in range(columns)]


def _get_last_cells(entry: Results) -> list[Results]:
    """Cells of the longest context, of all batches."""
    context = entry["cells"][-1]["context"]
    return [cell for cell in entry["cells"] if cell["context"] == context]


def _draw_dense(panel: Axes, results: Results) -> None:
    """Share of the streaming limit, batch 1, shortest context: a row for each contender."""
    cells = [(entry["geometry"]["name"], entry["cells"][0]) for entry in results["geometries"]]
    names = [name for name in (*ENGINES, *PEERS) if name in cells[0][1]["streaming_share"]]
    for index, (geometry, cell) in enumerate(cells):
        shares = [100 * cell["streaming_share"].get(name, float("nan")) for name in names]
        style: dict[str, Any] = {"color": COLOURS[index], "marker": MARKERS[index], "markersize": 9}
        panel.plot(shares, range(len(names)), linestyle="", label=geometry, **style)
    panel.axvline(100, color="black", linewidth=0.8)
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_xlim(0, max(105, panel.get_xlim()[1]))
    context, batch = cells[0][1]["context"], cells[0][1]["batch"]
    title = f"dense decoding, batch {batch}, context {context}: share of the streaming limit"
    label_panel(panel, title, "% of its own streaming limit", "")
    panel.legend(fontsize=8, loc="upper left")


def _draw_parts(panel: Axes, results: Results) -> None:
    """Where the time of a video goes, per token and video."""
    labels = []
    for place, run in enumerate(results["videos"]):
        scale = 1e3 * run["seconds"] / run["tokens"] / run["batch"]
        start = 0.0
        for part, colour, hatch in zip(PARTS, PART_COLOURS, PART_HATCHES, strict=True):
            length = scale * run["parts"][part]
            style: dict[str, Any] = {
                "color": colour,
                "hatch": hatch,
                "edgecolor": "black",
                "linewidth": 0.5,
            }
            label = part if not place else None
            panel.barh(place, length, BAR_HEIGHT, start, label=label, **style)
            start += length
        kind = f"{REPLAYED:.0%} replayed" if run["target_ratio"] else "dense"
        labels.append(f"{run['engine']}, batch {run['batch']}, {kind}")
    panel.set_yticks(range(len(labels)), labels, fontsize=8)
    panel.invert_yaxis()
    label_panel(panel, "one video of the shipped model", "ms per token and video", "")
    panel.legend(fontsize=8, loc="lower right")


def _draw_replay(panel: Axes, results: Results, batch: int) -> None:
    """Speed-up of the reference engine by replayed share, beside Amdahl's law, at one batch."""
    for index, entry in enumerate(results["geometries"]):
        for cell in _get_last_cells(entry):
            if cell["batch"] == batch:
                _draw_speeds(panel, cell, index, entry["geometry"]["name"])
    panel.axhline(1, color="black", linewidth=0.8)
    panel.set_ylim(*_get_speed_limits(results))
    context = results["geometries"][0]["cells"][-1]["context"]
    title = f"replay, {REFERENCE_ENGINE}, batch {batch}, context {context}"
    label_panel(panel, title, "% replayed (dotted, hollow: Amdahl's law)", "speed-up over dense")
    panel.legend(fontsize=8, loc="upper left")


def _get_speed_limits(results: Results) -> tuple[float, float]:
    """One scale for all batches."""
    speeds = [
        speed[name]
        for entry in results["geometries"]
        for cell in _get_last_cells(entry)
        for speed in cell["replay"]
        if speed["engine"] == REFERENCE_ENGINE
        for name in ("speed_up", "amdahl")
    ]
    return min(1, *speeds) - SPEED_MARGIN, max(1, *speeds) + SPEED_MARGIN


def _draw_speeds(panel: Axes, cell: Results, index: int, name: str) -> None:
    speeds = [speed for speed in cell["replay"] if speed["engine"] == REFERENCE_ENGINE]
    ratios = [100 * speed["replay_ratio"] for speed in speeds]
    style: dict[str, Any] = {"color": COLOURS[index], "marker": MARKERS[index]}
    panel.plot(ratios, [speed["speed_up"] for speed in speeds], label=name, **style)
    laws = [speed["amdahl"] for speed in speeds]
    panel.plot(ratios, laws, linestyle=":", markerfacecolor="white", **style)


def _draw_growth(panel: Axes, results: Results, kind: str) -> None:
    """Time over size, both logarithmic."""
    growths = [growth for growth in results["growth"] if growth["kind"] == kind]
    for index, growth in enumerate(growths):
        style: dict[str, Any] = {"color": COLOURS[index], "marker": MARKERS[index]}
        label = f"{growth['engine']}: exponent {growth['exponent']:.2f}"
        panel.loglog(growth["sizes"], growth["seconds"], label=label, **style)
        panel.set_xticks(growth["sizes"], [str(size) for size in growth["sizes"]])
    panel.minorticks_off()
    seconds = "seconds per video" if kind == "frames" else "seconds per token of all rows"
    label_panel(panel, f"growth with {kind}", kind, seconds)
    panel.legend(fontsize=8, loc="upper left")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Draw performance.png from performance.json.")
    parser.add_argument("--folder", type=Path, default=DOCS, help="of both files")
    folder = parser.parse_args(arguments).folder
    results = json.loads((folder / "performance.json").read_text(encoding="utf-8"))
    with write_atomically(folder / "performance.png") as partial:
        draw_performance(results, partial)
    return 0


if __name__ == "__main__":
    sys.exit(main())
