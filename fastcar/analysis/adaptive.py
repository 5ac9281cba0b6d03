"""Thresholds that adapt online: do they hold a target ratio without calibration?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastcar.analysis.bench import Workbench
from fastcar.analysis.figures import (
    COLOURS,
    NAMES,
    NATS_LABEL,
    label_panel,
    make_panels,
    save_figure,
    use_whole_numbers,
)
from fastcar.analysis.finding import (
    Finding,
    Json,
    Stance,
    Table,
    make_comparison_row,
    make_quality_row,
    to_difference,
    to_nats,
    to_percent,
)
from fastcar.analysis.runs import RunRequest, Setup
from fastcar.analysis.statistics import compare
from fastcar.reference.calibration import compute_eligible_ratio
from fastcar.statistics import list_numbers

KEY = "adaptive"
GATES = ("tas", "input")


def measure(bench: Workbench) -> Json:
    """Ratio and quality of adaptive thresholds, beside calibrated ones of the same target."""
    settings = bench.settings
    ceiling = settings.compute_ceiling(bench.model.tokens_per_frame)
    setups = [Setup(gate) for gate in GATES]
    calibrated = bench.calibrate(setups, settings.ratios)
    places, adaptive, fixed = [], [], []
    for setup, points in zip(setups, calibrated, strict=True):
        for ratio in settings.few_ratios:
            places.append((setup.gate, ratio))
            fixed.append(bench.make_request(setup, points[ratio]))
            adaptive.append(
                RunRequest(
                    settings.clips,
                    settings.frames,
                    setup,
                    ratio=compute_eligible_ratio(ratio, ceiling),
                    is_adaptive=True,
                )
            )
    summaries = zip(bench.run_all(adaptive), bench.run_all(fixed), strict=True)
    return {
        "rows": [
            {
                "gate": gate,
                "target": ratio,
                **make_quality_row(tracked),
                "eligible_target": compute_eligible_ratio(ratio, ceiling),
                "frame_ratios": list_numbers(tracked.frame_ratios),
                "fixed_ratio": kept.ratio,
                "against_fixed": make_comparison_row(
                    "adaptive", "fixed", compare(tracked.quality.nats, kept.quality.nats)
                ),
            }
            for (gate, ratio), (tracked, kept) in zip(places, summaries, strict=True)
        ]
    }


def describe(result: Json) -> Finding:
    """The finding."""
    rows = result["rows"]
    misses = [abs(row["ratio"] - row["target"]) for row in rows]
    fixed_misses = [abs(row["fixed_ratio"] - row["target"]) for row in rows]
    worst = rows[int(np.argmax(misses))]
    answer = (
        f"Adaptive thresholds miss the target ratio by {100 * float(np.mean(misses)):.1f} points "
        f"on average and by {100 * max(misses):.1f} at worst ({NAMES[worst['gate']]}, "
        f"{to_percent(worst['target'], 0)}); calibrated ones by "
        f"{100 * float(np.mean(fixed_misses)):.1f} and {100 * max(fixed_misses):.1f}."
    )
    table_rows = [
        (
            f"{NAMES[row['gate']]}, {to_percent(row['target'], 0)}",
            to_percent(row["ratio"]),
            to_percent(row["fixed_ratio"]),
            to_nats(row["nats"], row["nats_error"]),
            to_difference(row["against_fixed"]),
        )
        for row in rows
    ]
    header = (
        "gate, target",
        "adaptive ratio",
        "calibrated ratio",
        NATS_LABEL,
        "adaptive - calibrated",
    )
    return Finding(
        KEY,
        "Can the threshold adapt by itself?",
        answer,
        "the threshold is set by hand; one that adapts by itself was asked for.",
        Stance.NO_CLAIM,
        (Table(header, table_rows),),
        (
            "Each row of the batch and each layer tracks the target on its own, from its first "
            "eligible token on; calibrated thresholds are uniform and come from other clips. "
            "Differences in nats are not at equal ratio where the two ratios differ.",
        ),
    )


def draw(result: Json, path: Path) -> None:
    """Ratio by frame."""
    figure, panels = make_panels(len(GATES))
    for panel, gate in zip(panels, GATES, strict=True):
        rows = [row for row in result["rows"] if row["gate"] == gate]
        for index, row in enumerate(rows):
            shade = 1 - 0.25 * index
            # a last frame of one token has none
            ratios = [100 * ratio for ratio in row["frame_ratios"] if ratio is not None]
            label = f"target {to_percent(row['target'], 0)}"
            panel.plot(ratios, "-o", color=COLOURS[gate], alpha=shade, markersize=3, label=label)
            goal = 100 * row["eligible_target"]
            panel.axhline(goal, color="black", linestyle=":", linewidth=1)
        label_panel(
            panel,
            f"{NAMES[gate]} (dotted: target of the frames that can replay)",
            "frame",
            "replayed [%]",
        )
        use_whole_numbers(panel)
        panel.legend(fontsize=8)
    save_figure(figure, path)
