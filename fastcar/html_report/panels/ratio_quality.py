"""Ratio against quality: of all runs of `generate` on the page, and of the gates of an analysis."""

from __future__ import annotations

from collections.abc import Sequence

from fastcar.html_report.chart import CONFIG, WIDE_PIXELS, Chart, Json, Panel, make_panel
from fastcar.html_report.elements import Table, format_number, format_share
from fastcar.html_report.fills import make_line_encodings
from fastcar.html_report.panels.frames import HEIGHT_PIXELS, make_lines, quantity
from fastcar.html_report.runs.analyze_run import AnalyzeRun
from fastcar.html_report.runs.generate_run import GenerateRun

COMPARISONS = ("replay_against_truth", "replay_against_dense")
"""What a run's quality is, the first that it has."""
NATS_TITLE = "nats per token, teacher-forced (lower is better)"


def make_runs_panel(runs: Sequence[GenerateRun], key: str) -> Panel:
    """A point for each run, joined by lines where model, comparison and gate are the same."""
    points = [(run, name) for run in runs if (name := _choose_quality(run)) is not None]
    rows = [
        {
            "percent": 100 * (run.ratio or 0),
            "decibels": run.quality[name].psnr_decibels,
            "curve": f"{run.gate}, {run.model}, {name.replace('_', ' ')}",
            "run": run.origin.label,
            "ssim": run.quality[name].ssim,
        }
        for run, name in points
    ]
    names = list(dict.fromkeys(str(row["curve"]) for row in rows))
    x = quantity("percent", "% of the MLPs replayed", scale={"domain": [0, 100]})
    y = quantity("decibels", "PSNR, dB (100 = the same)", scale={"zero": False})
    spec = {**make_lines(rows, x, y, "curve", names), "width": WIDE_PIXELS}
    spec["config"] = {**CONFIG, "legend": {**CONFIG["legend"], "columns": 2}}
    title = "Quality against ratio, a point for each run"
    description = f"Points: PSNR against replayed share of {len(rows)} runs, a line for each gate"
    table = _make_run_table(rows)
    chart = Chart(f"{key}-chart", title, description, spec, table, is_narrow=False)
    return make_panel(key, "Ratio and quality of all runs", chart)


def _choose_quality(run: GenerateRun) -> str | None:
    """The first comparison that a run has; None where it has none, or decided nothing."""
    if run.ratio is None:
        return None
    return next((name for name in COMPARISONS if name in run.quality), None)


def _make_run_table(rows: Sequence[Json]) -> Table:
    cells = [
        (
            str(row["run"]),
            str(row["curve"]),
            format_share(row["percent"] / 100),
            format_number(row["decibels"]),
            format_number(row["ssim"]),
        )
        for row in rows
    ]
    return Table(("run", "gate, model, compared", "replayed", "PSNR, dB", "SSIM"), cells)


def make_gates_panel(run: AnalyzeRun, key: str) -> Panel:
    """Nats per token against ratio, a line for each gate, with standard errors."""
    names = list(dict.fromkeys(row.gate for row in run.gates))
    rows = [
        {
            "percent": 100 * row.ratio,
            "nats": row.nats,
            "low": row.nats - row.nats_error,
            "high": row.nats + row.nats_error,
            "gate": row.gate,
        }
        for row in sorted(run.gates, key=lambda row: row.ratio)
    ]
    x = quantity("percent", "% of the MLPs replayed")
    spec = make_lines(rows, x, quantity("nats", NATS_TITLE), "gate", names)
    colour = make_line_encodings("gate", names)["color"]
    low, high = quantity("low", NATS_TITLE), {"field": "high"}
    errors = {"mark": "rule", "encoding": {"x": x, "y": low, "y2": high, "color": colour}}
    layers = [*spec["layer"], errors]
    spec |= {"width": WIDE_PIXELS, "height": 1.6 * HEIGHT_PIXELS, "layer": layers}
    dense = format_number(run.dense_nats)
    title = f"Loss against ratio; dense {dense} nats"
    description = f"Lines: nats per token against ratio for {len(names)} gates; dense {dense}"
    table = _make_gate_table(run)
    chart = Chart(f"{key}-chart", title, description, spec, table, is_narrow=False)
    return make_panel(key, "Ratio and quality of the gates", chart)


def _make_gate_table(run: AnalyzeRun) -> Table:
    cells = [
        (
            row.gate,
            format_share(row.ratio),
            format_number(row.nats),
            format_number(row.nats_error, 2),
        )
        for row in run.gates
    ]
    return Table(("gate", "replayed", "nats per token", "standard error"), cells)
