"""Growth of the design with cores and lanes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastcar.analysis.figures import add_legend, label_panel, make_panels, save_figure
from tools.synthesis.report import get_resources

Json = dict[str, Any]
FIGURE_NAME = "signoff_growth.png"
PANELS = {"lut": "LUTs", "ff": "flip-flops", "dsp": "DSP blocks", "bram": "block RAMs, 36 kbit"}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")


def draw_growth(report: Json, path: Path) -> None:
    """One panel for each resource, one line for each number of lanes, over the cores."""
    figure, panels = make_panels(2, 2)
    all_lanes = sorted({size["lanes"] for size in report["xilinx"]})
    for panel, (resource, label) in zip(panels, PANELS.items(), strict=True):
        for lanes, colour in zip(all_lanes, COLOURS, strict=False):
            sizes = [size for size in report["xilinx"] if size["lanes"] == lanes]
            panel.plot(
                [size["cores"] for size in sizes],
                [get_resources(size)[resource] for size in sizes],
                marker="o",
                color=colour,
                label=f"L = {lanes}",
            )
        panel.set_xlim(left=0)
        panel.set_ylim(bottom=0)
        label_panel(panel, label, "cores", label)
    add_legend(figure, panels[0])
    save_figure(figure, path)
