"""Tables, figure and claims of docs/replay_value.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.analysis.figures import COLOURS, label_panel, make_panels, save_figure
from tools.markdown import format_table
from tools.page import Claim, Page
from tools.real_video.sources import SOURCES
from tools.replay_value.budget_page import format_budgets, make_budget_claims
from tools.replay_value.contenders import CONTENDERS
from tools.replay_value.statistics import (
    Excess,
    choose_row,
    compute_excess,
    describe_misses,
    interpolate_excess,
)

Json = dict[str, Any]

FIGURE = "figures/replay_value.png"
SETS = {"digits": "moving digits", "real": "real video"}
GROUPED = ("tas", "random", "input", "input-corrected-32")
"""Contenders of the table by camera."""
ADAPTIVE = ("tas", "tas-adaptive", "input", "input-adaptive")
DRAWN = (
    ("tas", "-o"),
    ("random", "-o"),
    ("codes", "-o"),
    ("accumulated", "-o"),
    ("motion", "-o"),
    ("input", "-o"),
    ("input-mean", ":^"),
    ("input-corrected-32", "--s"),
    ("skip-cosine-zero", "-o"),
)
"""Contenders of the figure with their lines."""


def format_gates(measured: Json) -> str:
    """Every contender at every target: ratio and excess, and MLP multiplications saved."""
    dense = measured["dense"]
    targets = [row["target"] for row in measured["rows"]["tas"]]
    lines = []
    for contender in CONTENDERS:
        rows = measured["rows"][contender.name]
        cells = [str(compute_excess(choose_row(rows, target), dense)) for target in targets]
        saved = 1 - choose_row(rows, targets[-1])["mlp_share"]
        lines.append([contender.words, *cells, f"{saved:.1%}"])
    header = ["gate", *(f"target {target:.0%}" for target in targets), "saved at the last"]
    return format_table(header, lines)


def format_equal(report: Json) -> str:
    """Both models side by side at equal ratios, on the line between measured ones."""
    lines = []
    for contender in CONTENDERS:
        if contender.is_adaptive:
            continue
        cells = []
        for name in SETS:
            measured = report["sets"][name]
            for ratio in (0.5, 0.8):
                excess = interpolate_excess(
                    measured["rows"][contender.name], measured["dense"], ratio
                )
                cells.append("-" if excess is None else f"{excess.nats:+.3f} ± {excess.error:.3f}")
        lines.append([contender.words, *cells])
    header = ["gate", *(f"{words}, {ratio}" for words in SETS.values() for ratio in ("50%", "80%"))]
    return format_table(header, lines)


def format_cameras(measured: Json) -> str:
    """Static against moving cameras, thresholds from calibration clips of all."""
    cameras = {source.name: source.camera for source in SOURCES}
    kinds = np.array([cameras[name] for name in measured["dense"]["sources"]])
    lines = []
    for kind in ("static", "moving"):
        for name in GROUPED:
            rows = measured["rows"][name]
            cells = [
                str(compute_excess(choose_row(rows, target), measured["dense"], kinds == kind))
                for target in (0.5, 0.65, 0.8)
            ]
            words = next(one.words for one in CONTENDERS if one.name == name)
            lines.append([kind, words, *cells])
    return format_table(["camera", "gate", "target 50%", "target 65%", "target 80%"], lines)


def format_sources(measured: Json) -> str:
    """Every film of the real video on its own, thresholds from calibration clips of all."""
    sources = np.array(measured["dense"]["sources"])
    lines = []
    for source in SOURCES:
        clips = sources == source.name
        if not clips.any():
            continue
        rows = [choose_row(measured["rows"][name], 0.5) for name in GROUPED]
        cells = [str(compute_excess(row, measured["dense"], clips)) for row in rows]
        nats = np.array(measured["dense"]["nats"])[clips].mean()
        lines.append([source.name, source.camera, f"{nats:.3f}", *cells])
    words = [next(one.words for one in CONTENDERS if one.name == name) for name in GROUPED]
    return format_table(["film", "camera", "dense", *words], lines)


def format_adaptive(report: Json) -> str:
    """How far ratios of single clips lie from what was asked."""
    lines = []
    for name in ADAPTIVE:
        words = next(one.words for one in CONTENDERS if one.name == name)
        cells = []
        for clip_set in SETS:
            rows = report["sets"][clip_set]["rows"][name]
            mean, worst = describe_misses(rows)
            overall = max(abs(row["ratio"] - row["target"]) for row in rows)
            cells += [f"{overall:.1%}", f"{mean:.1%}", f"{worst:.1%}"]
        lines.append([words, *cells])
    header = ["thresholds"]
    for words in SETS.values():
        header += [f"{words}: all clips, worst target", "one clip, mean", "one clip, worst"]
    return format_table(header, lines)


def describe_dense(report: Json) -> str:
    """What the dense models reach."""
    lines = [
        [
            words,
            str(len(report["sets"][name]["dense"]["nats"])),
            f"{np.mean(report['sets'][name]['dense']['nats']):.4f}",
            f"{np.mean(report['sets'][name]['dense']['top_1']):.2%}",
        ]
        for name, words in SETS.items()
    ]
    return format_table(["model", "held-out clips", "nats per token", "top-1"], lines)


def draw(report: Json, path: Path) -> None:
    """Excess against multiplications saved, both models."""
    figure, panels = make_panels(2)
    for panel, (name, words) in zip(panels, SETS.items(), strict=True):
        measured = report["sets"][name]
        for contender, style in DRAWN:
            rows = measured["rows"][contender]
            gate = next(one for one in CONTENDERS if one.name == contender)
            panel.plot(
                [100 * (1 - row["mlp_share"]) for row in rows],
                [compute_excess(row, measured["dense"]).nats for row in rows],
                style,
                color=COLOURS[gate.gate],
                label=gate.words,
                markersize=4,
                linewidth=1.2,
            )
        panel.set_yscale("symlog", linthresh=0.01)
        label_panel(panel, words, "MLP multiplications saved [%]", "nats per token over dense")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    save_figure(figure, path)


def make_tables(report: Json) -> dict[str, str]:
    """Every block of the page."""
    return {
        "dense": describe_dense(report),
        "equal": format_equal(report),
        "digits": format_gates(report["sets"]["digits"]),
        "real": format_gates(report["sets"]["real"]),
        "cameras": format_cameras(report["sets"]["real"]),
        "adaptive": format_adaptive(report),
        "budgets": format_budgets(report, SETS),
        "sources": format_sources(report["sets"]["real"]),
    }


def make_claims(report: Json) -> Iterator[Claim]:
    """What the prose says of the numbers."""

    def find(clip_set: str, contender: str, ratio: float) -> Excess:
        measured = report["sets"][clip_set]
        excess = interpolate_excess(measured["rows"][contender], measured["dense"], ratio)
        assert excess is not None, f"{contender} does not reach {ratio:.0%}"
        return excess

    half, score, blind = (find("real", name, 0.5) for name in ("input", "tas", "random"))
    yield Claim(
        f"On camera video half of all MLPs cost {half.nats:.3f} ± {half.error:.3f} nats per token "
        f"by the distance of inputs, {blind.nats:.2f} ± {blind.error:.2f} at random, and "
        f"{score.nats:.2f} ± {score.error:.2f} by the score of the paper.",
        half.nats < 0.02 and score.nats - 2 * score.error > blind.nats + 2 * blind.error,
    )
    plain, corrected = (find("digits", name, 0.8) for name in ("input", "input-corrected-32"))
    real, repaired = (find("real", name, 0.8) for name in ("input", "input-corrected-32"))
    yield Claim(
        f"At 80% a correction of rank 32 leaves {corrected.nats:.2f} of {plain.nats:.2f} on the "
        f"digits and {repaired.nats:.2f} of {real.nats:.2f} on camera video.",
        corrected.nats < plain.nats and repaired.nats < real.nats,
    )
    cached, constant = (find("real", name, 0.5) for name in ("tas", "tas-mean"))
    yield Claim(
        f"Under the score, the layer's mean output in place of the cached one costs "
        f"{constant.nats:.2f} instead of {cached.nats:.2f} at one half of the camera video: where "
        "the score is high, what was computed a frame earlier is worse than a constant.",
        constant.nats < cached.nats,
    )
    skipped, kept = (find("real", name, 0.67) for name in ("skip-cosine-zero", "skip-cosine"))
    yield Claim(
        f"Layers that are skipped as FFN-SkipLLM does lose {skipped.nats:.2f} at 67%, "
        f"{kept.nats:.2f} if the cache stands in for them.",
        skipped.nats < kept.nats,
    )
    yield make_adaptive_claim(report)
    yield from make_budget_claims(report)


def make_adaptive_claim(report: Json) -> Claim:
    """How well adaptive thresholds keep what was asked for."""
    tracked = [
        row
        for measured in report["sets"].values()
        for name in ADAPTIVE
        if name.endswith("adaptive")
        for row in measured["rows"][name]
    ]
    overall = max(abs(row["ratio"] - row["target"]) for row in tracked)
    _, worst = describe_misses(tracked)
    return Claim(
        f"Adaptive thresholds keep the ratio within {overall:.1%} over all clips and within "
        f"{worst:.1%} on each of them.",
        worst < 0.02,
    )


PAGE = Page("replay_value.md", make_tables, make_claims)
