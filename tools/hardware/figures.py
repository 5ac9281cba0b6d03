"""Figures of docs/hardware.md."""

from __future__ import annotations

from pathlib import Path

from fastcar.analysis.figures import add_legend, label_panel, make_panels, save_figure
from fastcar.hardware_pictures import WORK_PHASES, add_phase_legend, draw_timelines
from fastcar.output import write_atomically
from tools.hardware.run import Json

TIMELINE_NAME, RATIO_NAME = "hardware_timeline.png", "hardware_ratio.png"
MAPPING_COLOURS = {"dynamic": "#0072b2", "static": "#d55e00"}
MAPPING_NAMES = {"dynamic": "DRS", "static": "static mapping"}


def draw_figures(report: Json, directory: Path) -> None:
    """Replace both figures of a directory."""
    for name, draw in ((TIMELINE_NAME, draw_timeline), (RATIO_NAME, draw_ratio)):
        with write_atomically(directory / name) as partial:
            draw(report, partial)


def draw_timeline(report: Json, path: Path) -> None:
    """What every core does over one layer step, static mapping left, DRS right."""
    figure, panels = make_panels(2)
    timelines = {MAPPING_NAMES[name]: report["timeline"][name] for name in ("static", "dynamic")}
    draw_timelines(panels, timelines, report["config"]["num_cores"])
    add_phase_legend(figure, WORK_PHASES)
    save_figure(figure, path)


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
