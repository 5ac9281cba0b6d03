"""Ratio against quality: of all runs of `generate` on the page, and of the gates of an analysis."""

from __future__ import annotations

from collections.abc import Sequence

from fastcar.html_report.chart import CONFIG, WIDE_PIXELS, Chart, Panel, make_panel
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
    rows, cells = [], []
    for run in runs:
        name = next((name for name in COMPARISONS if name in run.quality), None)
        if name is None or run.ratio is None:
            continue
        one = run.quality[name]
        curve = f"{run.gate}, {run.model}, {name.replace('_', ' ')}"
        rows.append(
            {
                "percent": 100 * run.ratio,
                "decibels": one.psnr_decibels,
                "curve": curve,
                "run": run.origin.label,
            }
        )
        cells.append(
            (
                run.origin.label,
                curve,
                format_share(run.ratio),
                format_number(one.psnr_decibels),
                format_number(one.ssim),
            )
        )
    names = list(dict.fromkeys(str(row["curve"]) for row in rows))
    x = quantity("percent", "% of the MLPs replayed", scale={"domain": [0, 100]})
    y = quantity("decibels", "PSNR, dB (100 = the same)", scale={"zero": False})
    spec = {**make_lines(rows, x, y, "curve", names), "width": WIDE_PIXELS}
    spec["config"] = {**CONFIG, "legend": {**CONFIG["legend"], "columns": 2}}
    table = Table(("run", "gate, model, compared", "replayed", "PSNR, dB", "SSIM"), cells)
    description = f"Points: PSNR against replayed share of {len(rows)} runs, a line for each gate"
    chart = Chart(
        f"{key}-chart",
        "Quality against ratio, a point for each run",
        description,
        spec,
        table,
        is_narrow=False,
    )
    return make_panel(key, "Ratio and quality of all runs", chart)


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
    spec |= {"width": WIDE_PIXELS, "height": 1.6 * HEIGHT_PIXELS, "layer": [*spec["layer"], errors]}
    cells = [
        (
            row.gate,
            format_share(row.ratio),
            format_number(row.nats),
            format_number(row.nats_error, 2),
        )
        for row in run.gates
    ]
    table = Table(("gate", "replayed", "nats per token", "standard error"), cells)
    dense = format_number(run.dense_nats)
    words = f"a line for each of {len(names)} gates; dense {dense}"
    description = f"Lines: nats per token against ratio, {words}"
    title = f"Loss against ratio; dense {dense} nats"
    chart = Chart(f"{key}-chart", title, description, spec, table, is_narrow=False)
    return make_panel(key, "Ratio and quality of the gates", chart)
