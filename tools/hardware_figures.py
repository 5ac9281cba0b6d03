"""Figures of docs/hardware.md."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from fastcar.analysis.figures import add_legend, label_panel, make_panels, save_figure
from fastcar.output import write_atomically
from tools.hardware_model import Json

TIMELINE_NAME, RATIO_NAME = "hardware_timeline.png", "hardware_ratio.png"
PART_COLOURS = {"score": "#e69f00", "compute": "#0072b2", "replay": "#009e73"}
MAPPING_COLOURS = {"dynamic": "#0072b2", "static": "#d55e00"}
MAPPING_NAMES = {"dynamic": "DRS", "static": "static mapping"}
BAR_HEIGHT = 0.8
MIN_LABELLED_SHARE = 0.05
"""Of the width, below which a bar has no room for the number of its slot."""


def draw_figures(report: Json, directory: Path) -> None:
    """Replace both figures of a directory."""
    for name, draw in ((TIMELINE_NAME, draw_timeline), (RATIO_NAME, draw_ratio)):
        with write_atomically(directory / name) as partial:
            draw(report, partial)


def draw_timeline(report: Json, path: Path) -> None:
    """What every core does over one layer step, static mapping left, DRS right."""
    timeline = report["timeline"]
    figure, panels = make_panels(2)
    width = max(timeline[mapping]["cycles"] for mapping in MAPPING_NAMES)
    for panel, mapping in zip(panels, ("static", "dynamic"), strict=True):
        traced = timeline[mapping]
        for bar in traced["bars"]:
            _draw_bar(panel, bar, width)
        num_cores = report["config"]["num_cores"]
        panel.set_yticks(range(num_cores), [f"core {core}" for core in range(num_cores)])
        panel.invert_yaxis()
        panel.set_xlim(0, width)
        label_panel(panel, f"{MAPPING_NAMES[mapping]}: {traced['cycles']:,} cycles", "cycle", "")
    handles = [Patch(color=colour, label=part) for part, colour in PART_COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8)
    save_figure(figure, path)


def _draw_bar(panel: Axes, bar: Json, width: int) -> None:
    """A slot's work, with its number where there is room."""
    length = bar["last"] - bar["first"] + 1
    panel.barh(
        bar["core"],
        length,
        BAR_HEIGHT,
        bar["first"],
        color=PART_COLOURS[bar["part"]],
        edgecolor="white",
        linewidth=0.5 if bar["part"] == "compute" else 0,  # an edge would hide a narrow bar
    )
    if length >= MIN_LABELLED_SHARE * width:
        centre = bar["first"] + length / 2
        text = f"slot {bar['slot']}"
        panel.text(centre, bar["core"], text, color="white", ha="center", va="center", fontsize=7)


def draw_ratio(report: Json, path: Path) -> None:
    """Cycles of the MLP phase against the replayed share: random slots as lines, tokens as dots."""
    figure, [panel] = make_panels(1)
    rows, cores = report["ratios"], report["config"]["num_cores"]
    for mapping, colour in MAPPING_COLOURS.items():
        panel.plot(
            [100 * row["ratio"] for row in rows],
            [row[mapping] for row in rows],
            marker=".",
            color=colour,
            label=f"{MAPPING_NAMES[mapping]}, slots drawn",
        )
        real = [row for row in report["mappings"] if row["decisions"] != "independent"]
        own = [row for row in real if row["cores"] == cores]
        panel.scatter(
            [100 * row["ratio"] for row in own],
            [row[f"{mapping}_cycles"] for row in own],
            marker="x",
            color=colour,
            label=f"{MAPPING_NAMES[mapping]}, real tokens",
        )
    panel.set_ylim(bottom=0)
    title = f"MLP phase of one layer step, {report['settings']['videos']} slots, {cores} cores"
    label_panel(panel, title, "replayed slots, %", "cycles")
    add_legend(figure, panel, columns=2)
    save_figure(figure, path)
