"""The picture of a co-simulation of the whole decoder: where its cores and layers spend cycles."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from fastcar.analysis.figures import label_panel, make_panels, save_figure
from fastcar.hardware_pictures import (
    BAR_HEIGHT,
    MAX_TICKS,
    STALL_COLOURS,
    Json,
    describe_run,
    make_failure,
    stack_bars,
)

SECTION_COLOURS = {
    "attention": "#56b4e9",
    "mlp": "#0072b2",
    "pick": "#e69f00",
    "idle": "#d9d9d9",
}
DECISION_COLOURS = {"computed": "#0072b2", "replayed": "#009e73"}


def draw_decoder(report: Json, path: Path) -> None:
    """The report (`fastcar.cosim.whole.report.build_decoder_report`) in four panels, as PNG."""
    if not report["runs"]:
        save_figure(make_failure("no token"), path)
        return
    figure, panels = make_panels(2, rows=2)
    _draw_sections(panels[0], report)
    _draw_layers(panels[1], report)
    _draw_decisions(panels[2], report)
    _draw_bytes(panels[3], report)
    figure.suptitle(describe_run(report, f"{report['runs']} tokens"), fontsize=11)
    save_figure(figure, path)


def _draw_sections(panel: Axes, report: Json) -> None:
    """Cycles of every core by section."""
    whole = report["cycles"]["measured"]
    parts = {
        name: [100 * core[name] / whole for core in report["cores"]] for name in SECTION_COLOURS
    }
    stack_bars(panel, parts, SECTION_COLOURS)
    panel.set_xlim(0, 100)
    panel.legend(fontsize=7)
    label_panel(panel, f"cores by section, {whole:,} cycles", "% of the cycles", "")


def _draw_layers(panel: Axes, report: Json) -> None:
    """Core-cycles of attention and MLP phase of every layer."""
    parts = {name: [one[name] for one in report["layers"]] for name in ("attention", "mlp")}
    _stack_layers(panel, parts)
    label_panel(panel, "layers by section", "core-cycles", "")


def _draw_decisions(panel: Axes, report: Json) -> None:
    """Slots of every layer that computed and that replayed."""
    parts = {name: [one[name] for one in report["layers"]] for name in DECISION_COLOURS}
    _stack_layers(panel, parts)
    label_panel(panel, "decisions of generated tokens", "slots", "")


def _draw_bytes(panel: Axes, report: Json) -> None:
    """Bytes that every core moved."""
    names = {"read": "read_bytes", "write": "written_bytes"}
    parts = {way: [core[name] for core in report["cores"]] for way, name in names.items()}
    stack_bars(panel, parts, STALL_COLOURS)
    panel.legend(fontsize=7)
    read, written = (report["bytes"][way] for way in ("read", "written"))
    label_panel(panel, f"{read:,} bytes read, {written:,} written", "bytes", "")


def _stack_layers(panel: Axes, parts: dict[str, list[int]]) -> None:
    colours, left = SECTION_COLOURS | DECISION_COLOURS, [0] * len(next(iter(parts.values())))
    for name, lengths in parts.items():
        panel.barh(range(len(left)), lengths, BAR_HEIGHT, left, color=colours[name], label=name)
        left = [before + length for before, length in zip(left, lengths, strict=True)]
    panel.set_yticks(range(len(left)), [f"layer {index}" for index in range(len(left))])
    panel.invert_yaxis()
    panel.xaxis.set_major_locator(MaxNLocator(MAX_TICKS, integer=True))
    panel.legend(fontsize=7)
