"""Pictures of the accelerator at work: its cores over a layer, and what a co-simulation cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from fastcar.analysis.figures import label_panel, make_panels, save_figure

Json = Mapping[str, Any]

PHASE_COLOURS = {
    "decide": "#e69f00",
    "compute": "#0072b2",
    "replay": "#009e73",
    "stalled": "#d55e00",
    "idle": "#d9d9d9",
}
MAPPING_NAMES = {"drs": "DRS", "static": "static mapping"}
WORK_PHASES = "decide", "compute", "replay"
STALL_COLOURS = {"read": "#56b4e9", "write": "#cc79a7"}
BAR_HEIGHT = 0.8
MAX_TICKS = 5
MIN_LABELLED_SHARE = 0.05
"""Of the width, below which a bar has no room for the number of its slot."""


def draw_timelines(panels: Sequence[Axes], timelines: Mapping[str, Json], num_cores: int) -> None:
    """What every core does over one layer, one panel for each mapping, on one scale.

    Args:
        panels: as many as timelines.
        timelines: by title, `cycles` of the layer and `spans`
            (`fastcar.cosim.cycles.timeline.Span` as JSON).
        num_cores: C.
    """
    width = max(timeline["cycles"] for timeline in timelines.values())
    for panel, (name, timeline) in zip(panels, timelines.items(), strict=True):
        for span in timeline["spans"]:
            _draw_span(panel, span, width)
        _name_cores(panel, num_cores)
        panel.set_xlim(0, width)
        label_panel(panel, f"{name}: {timeline['cycles']:,} cycles", "cycle", "")


def add_phase_legend(figure: Figure, phases: Sequence[str]) -> None:
    """The colours of phases, below all panels."""
    handles = [Patch(color=PHASE_COLOURS[phase], label=phase) for phase in phases]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(phases), fontsize=8)


def _name_cores(panel: Axes, num_cores: int) -> None:
    """Core 0 on top."""
    panel.set_yticks(range(num_cores), [f"core {core}" for core in range(num_cores)])
    panel.set_ylim(num_cores - 0.5, -0.5)


def _draw_span(panel: Axes, span: Json, width: int) -> None:
    """A slot's work, with its number where there is room."""
    length = span["last_cycle"] - span["first_cycle"] + 1
    panel.barh(
        span["core"],
        length,
        BAR_HEIGHT,
        span["first_cycle"],
        color=PHASE_COLOURS[span["phase"]],
        edgecolor="white",
        linewidth=0.5 if span["phase"] == "compute" else 0,  # an edge would hide a narrow bar
    )
    if length >= MIN_LABELLED_SHARE * width:
        centre, text = span["first_cycle"] + length / 2, f"slot {span['slot']}"
        panel.text(centre, span["core"], text, color="white", ha="center", va="center", fontsize=7)


def draw_cosim(report: Json, path: Path) -> None:
    """The report of a co-simulation (`fastcar.cosim.report.build_report`) in six panels, as PNG."""
    figure = _draw_panels(report) if report["runs"] else make_failure("no layer")
    save_figure(figure, path)


def _draw_panels(report: Json) -> Figure:
    figure, panels = make_panels(2, rows=3)
    num_cores = report["accelerator"]["num_cores"]
    timeline = report["timeline"]
    draw_timelines(
        panels[:2],
        {
            f"{MAPPING_NAMES[mapping]}, layer {timeline['layer_index']}, token "
            f"{timeline['token_index']}": {
                "cycles": timeline[f"{mapping}_cycles"],
                "spans": timeline[mapping],
            }
            for mapping in ("static", "drs")
        },
        num_cores,
    )
    _draw_cycles(panels[2], report)
    _draw_phases(panels[3], report)
    _draw_stalls(panels[4], report)
    _draw_bytes(panels[5], report)
    add_phase_legend(figure, list(PHASE_COLOURS))
    figure.suptitle(describe_run(report, f"{report['runs']} layers"), fontsize=11)
    return figure


def make_failure(subject: str) -> Figure:
    """Nothing was found equal, so there is nothing to draw."""
    figure, [panel] = make_panels(1)
    panel.set_axis_off()
    title = f"{subject} equals the reference; the report has the failure"
    panel.set_title(title, fontsize=10)
    return figure


def describe_run(report: Json, runs: str) -> str:
    """Model, sizes and memory of a run, and what was run."""
    request, sizes = report["request"], report["accelerator"]
    ratio = report["replay_ratio"]
    replayed = "nothing decided" if ratio is None else f"{ratio:.1%} replayed"
    return (
        f"{request['model']}: C = {sizes['num_cores']}, L = {sizes['num_lanes']}, "
        f"B = {sizes['num_slots']}, {request['mode']}, {request['source']}, memory latency "
        f"{request['latency']}{_describe_stall(request['stall'])};\n"
        f"{runs}, {replayed}"
    )


def _describe_stall(probability: float) -> str:
    return f", stalls with probability {probability}" if probability else ""


def _draw_cycles(panel: Axes, report: Json) -> None:
    """Cycles of the run, and those of the other modes by the cycle model."""
    cycles = report["cycles"]
    names = ["measured", "drs", "static", "dense"]
    labels = ["measured", *(f"{name} (model)" for name in names[1:])]
    bars = panel.barh(labels, [cycles[name] for name in names], BAR_HEIGHT, color="#7f7f7f")
    bars[0].set_color(PHASE_COLOURS["compute"])
    panel.bar_label(
        bars,
        [f"{cycles['dense'] / cycles[name]:.2f}x" for name in names],
        padding=3,
        fontsize=8,
    )
    panel.invert_yaxis()
    panel.margins(x=0.12)
    panel.xaxis.set_major_locator(MaxNLocator(MAX_TICKS))
    stalls = " on memory without stalls" if report["request"]["stall"] else ""
    ratio = f"{report['replay_ratio']:.1%} replayed"
    title = f"cycles, and speed-up at {ratio}\nagainst dense{stalls}"
    label_panel(panel, title, "cycles", "")


def _draw_phases(panel: Axes, report: Json) -> None:
    """Cycles of every core by phase, and how often its MAC array was busy."""
    whole = report["cycles"]["measured"]
    phases = {
        phase: [100 * core[phase] / whole for core in report["cores"]] for phase in PHASE_COLOURS
    }
    stack_bars(panel, phases, PHASE_COLOURS)
    for core in report["cores"]:
        share = 100 * core["mac_busy"] / whole
        panel.plot([share, share], [core["core"] - 0.45, core["core"] + 0.45], color="black")
    panel.set_xlim(0, 100)
    title = (
        f"cores by phase; black: cycles with a MAC beat,\n"
        f"{report['mac']['utilisation']:.1%} of all core-cycles"
    )
    label_panel(panel, title, "% of the cycles", "")


def _draw_stalls(panel: Axes, report: Json) -> None:
    """Cycles in which cores waited for memory, and the dispatcher for decisions and queues."""
    stalls = {way: [core[f"{way}_stall"] for core in report["cores"]] for way in ("read", "write")}
    stack_bars(panel, stalls, STALL_COLOURS)
    panel.legend(fontsize=7)
    waited = report["stalls"]
    title = (
        f"stalls of the cores; the dispatcher waited {waited['wait_decision']:,} cycles\n"
        f"for decisions and {waited['wait_queue']:,} for room in a queue"
    )
    label_panel(panel, title, "cycles", "")


def _draw_bytes(panel: Axes, report: Json) -> None:
    """Bytes that every core moved."""
    moved = {
        "read": [core["read_bytes"] for core in report["cores"]],
        "write": [core["written_bytes"] for core in report["cores"]],
    }
    stack_bars(panel, moved, STALL_COLOURS)
    panel.legend(fontsize=7)
    read, written = (report["bytes"][way] for way in ("read", "written"))
    label_panel(panel, f"{read:,} bytes read, {written:,} written", "bytes", "")


def stack_bars(
    panel: Axes, parts: Mapping[str, Sequence[float]], colours: Mapping[str, str]
) -> None:
    """One bar for each core, made of parts."""
    num_cores = len(next(iter(parts.values())))
    left = [0.0] * num_cores
    for name, lengths in parts.items():
        panel.barh(range(num_cores), lengths, BAR_HEIGHT, left, color=colours[name], label=name)
        left = [before + length for before, length in zip(left, lengths, strict=True)]
    _name_cores(panel, num_cores)
    panel.xaxis.set_major_locator(MaxNLocator(MAX_TICKS))
