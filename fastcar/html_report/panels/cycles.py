"""Cycles of a co-simulation: by mapping, by phase and core, and spent waiting."""

from __future__ import annotations

from fastcar.html_report.chart import Chart, Panel, make_panel
from fastcar.html_report.elements import Table, make_paragraphs
from fastcar.html_report.fills import make_fill
from fastcar.html_report.panels.frames import make_bars, quantity
from fastcar.html_report.runs.cosim_run import DECODER_PHASES, MLP_PHASES, CosimRun

BAR_PIXELS = 30
WAYS = ("read", "write")


def make_cycles_panel(run: CosimRun, key: str) -> Panel:
    """Three charts of a run that found its hardware equal, else what it found."""
    if not run.cores or not run.cycles.get("measured"):
        lines = [f"No cycles were counted: {run.failure or 'nothing ran'}"]
        return make_panel(key, "Cycles by phase and stall", make_paragraphs(lines, "missing"))
    charts = (
        _make_mapping_chart(run, f"{key}-mapping"),
        _make_phase_chart(run, f"{key}-phase"),
        _make_stall_chart(run, f"{key}-stall"),
    )
    return make_panel(key, "Cycles by phase and stall", *charts)


def _make_mapping_chart(run: CosimRun, key: str) -> Chart:
    """Cycles of the run, and those of the other modes by the cycle model."""
    dense = run.cycles.get("dense", 0)
    rows = [
        {"mode": name if name == "measured" else f"{name} (model)", "cycles": count}
        for name, count in run.cycles.items()
    ]
    y = {"field": "mode", "type": "nominal", "title": None, "sort": None}
    spec = {
        **make_bars(rows, quantity("cycles", "cycles", axis={"tickCount": 4}), y),
        "height": {"step": BAR_PIXELS},
    }
    cells = [
        (name, f"{count:,}", f"{dense / count:.3f}" if count else "-")
        for name, count in run.cycles.items()
    ]
    found = ", ".join(f"{name} {count:,}" for name, count in run.cycles.items())
    table = Table(("", "cycles", "speed-up against dense"), cells)
    return Chart(key, "Cycles of the run and of the other modes", f"Bars: {found}", spec, table)


def _make_phase_chart(run: CosimRun, key: str) -> Chart:
    """Share of its cycles that every core spends in a phase."""
    names = DECODER_PHASES if run.is_decoder else MLP_PHASES
    rows = [
        {"core": f"core {index}", "phase": name, "cycles": core[name], "order": names.index(name)}
        for index, core in enumerate(run.cores)
        for name in names
    ]
    y = {"field": "core", "type": "nominal", "title": None}
    more = {"fill": make_fill("phase", names), "order": {"field": "order"}}
    spec = {
        **make_bars(rows, quantity("cycles", "cycles", axis={"tickCount": 4}), y, more),
        "height": {"step": BAR_PIXELS},
    }
    cells = [
        (f"core {index}", *(f"{core[name]:,}" for name in names))
        for index, core in enumerate(run.cores)
    ]
    cells.append(("all", *(f"{run.phases[name]:,}" for name in names)))
    found = ", ".join(f"{name} {run.phases[name]:,}" for name in names)
    what = "section" if run.is_decoder else "phase"
    description = f"Stacked bars: cycles of every core by {what}. All together: {found}"
    return Chart(key, f"Core-cycles by {what}", description, spec, Table(("", *names), cells))


def _make_stall_chart(run: CosimRun, key: str) -> Chart:
    """Cycles in which cores waited for memory."""
    rows = [
        {"core": f"core {index}", "waits for": way, "cycles": core[f"{way}_stall"]}
        for index, core in enumerate(run.cores)
        for way in WAYS
    ]
    y = {"field": "core", "type": "nominal", "title": None}
    fill = make_fill("waits for", WAYS, "waits for")
    spec = {
        **make_bars(rows, quantity("cycles", "cycles", axis={"tickCount": 4}), y, {"fill": fill}),
        "height": {"step": BAR_PIXELS},
    }
    cells = [
        (f"core {index}", *(f"{core[f'{way}_stall']:,}" for way in WAYS))
        for index, core in enumerate(run.cores)
    ]
    found = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in run.stalls.items())
    title = f"Stalls of the cores; all together: {found}"
    table = Table(("", *(f"{way} stall" for way in WAYS)), cells)
    return Chart(key, title, f"Stacked bars: cycles spent waiting. {found}", spec, table)
