"""Mean over heads, maximum, or the best single head?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastcar.analysis.bench import Workbench
from fastcar.analysis.figures import NATS_LABEL, add_legend, label_panel, make_panels, save_figure
from fastcar.analysis.finding import (
    Finding,
    Json,
    Stance,
    Table,
    capitalize,
    describe_contest,
    join_words,
    make_comparison_row,
    make_quality_row,
    to_nats,
    to_percent,
)
from fastcar.analysis.predictive_power import compute_power
from fastcar.analysis.probe import Probe, ProbeRequest
from fastcar.analysis.runs import RunSummary, Setup
from fastcar.analysis.statistics import Direction, compare, is_fair
from fastcar.metrics import Values

KEY = "head_choice"
MEAN, MAXIMUM, BEST = "mean of heads", "maximum of heads", "best single head"


def measure(bench: Workbench) -> Json:
    """Quality of each way to aggregate, with uniform and with per-layer thresholds."""
    settings = bench.settings
    request = ProbeRequest(settings.calibration_clips, settings.frames, split="calibration")
    (probe,) = bench.run_all([request])
    head_auc = compute_head_auc(probe)
    best_heads = tuple(int(head) for head in head_auc.argmax(axis=1))
    ways: dict[str, str | tuple[int, ...]] = {MEAN: "mean", MAXIMUM: "max", BEST: best_heads}
    keys, setups = [], []
    for per_layer in (False, True):
        for way, heads in ways.items():
            keys.append((way, per_layer))
            setups.append(Setup("tas", heads, per_layer))
    ratios = settings.few_ratios
    # the mean with one threshold is calibrated to all ratios already
    calibrated = bench.calibrate(setups[:1], settings.ratios)
    calibrated += bench.calibrate(setups[1:], ratios)
    requests = [
        bench.make_request(setup, points[ratio])
        for setup, points in zip(setups, calibrated, strict=True)
        for ratio in ratios
    ]
    summaries = iter(bench.run_all(requests))
    runs = {(way, layered, ratio): next(summaries) for way, layered in keys for ratio in ratios}
    best_runs = [runs[BEST, False, ratio] for ratio in ratios]
    chance_runs = bench.run_all([bench.make_control("random", run.ratio) for run in best_runs])
    return {
        "head_auc": [[float(auc) for auc in heads] for heads in head_auc],
        "best_heads": list(best_heads),
        "rows": [
            {
                "way": way,
                "per_layer": layered,
                "target": ratio,
                **make_quality_row(summary),
            }
            for (way, layered, ratio), summary in runs.items()
        ],
        "comparisons": make_comparisons(runs),
        "against_random": [
            {
                "target": ratio,
                **make_comparison_row(
                    BEST, "random", compare(run.quality.nats, chance.quality.nats)
                ),
            }
            for ratio, run, chance in zip(ratios, best_runs, chance_runs, strict=True)
        ],
    }


def compute_head_auc(probe: Probe) -> Values:
    """How well each head predicts a small output distance, [L, H], mean over clips."""
    heads = range(probe.score_heads.shape[-1])
    power = [
        compute_power(probe.score_heads[..., head], probe.output_distance)[0].mean(axis=0)
        for head in heads
    ]
    return np.stack(power, axis=-1)


def make_comparisons(runs: dict[tuple[str, bool, float], RunSummary]) -> list[Json]:
    """Each other way against the mean, paired by clip."""
    comparisons = []
    for (way, layered, ratio), summary in runs.items():
        if way == MEAN:
            continue
        mean = runs[MEAN, layered, ratio]
        comparison = compare(summary.quality.nats, mean.quality.nats)
        comparisons.append(
            {
                "per_layer": layered,
                "target": ratio,
                "is_fair": is_fair(summary.ratio - mean.ratio, comparison.verdict),
                **make_comparison_row(way, MEAN, comparison),
            }
        )
    return comparisons


def get_outcomes(result: Json, way: str, per_layer: bool) -> dict[float, str]:
    """Verdicts of one way against the mean by target ratio, where the comparison is fair."""
    return {
        row["target"]: row["verdict"]
        for row in result["comparisons"]
        if row["first"] == way and row["per_layer"] == per_layer and row["is_fair"]
    }


def _describe_way(result: Json, way: str, per_layer: bool) -> str:
    outcomes = get_outcomes(result, way, per_layer)
    if not outcomes:
        return f"the {way} and the {MEAN} cannot be compared, their ratios differ"
    return describe_contest(f"the {way}", f"the {MEAN}", outcomes)


def describe(result: Json) -> Finding:
    """The finding."""
    answer = _describe_way(result, BEST, per_layer=False)
    better = [
        outcome
        for way in (MAXIMUM, BEST)
        for layered in (False, True)
        for outcome in get_outcomes(result, way, layered).values()
    ]
    if Direction.LOWER.value in better:
        stance = Stance.PARTLY if Direction.HIGHER.value in better else Stance.CONTRADICTS
    else:
        stance = Stance.AGREES if Direction.HIGHER.value in better else Stance.UNDECIDED
    rows = [
        (
            f"{row['way']}, {'per layer' if row['per_layer'] else 'uniform'}",
            to_percent(row["target"], 0),
            to_percent(row["ratio"]),
            to_nats(row["nats"], row["nats_error"]),
            to_percent(row["top_1"]),
        )
        for row in result["rows"]
    ]
    header = ("score, thresholds", "target", "measured ratio", NATS_LABEL, "top-1")
    heads = [f"{head} in layer {layer}" for layer, head in enumerate(result["best_heads"])]
    against_random = {row["target"]: row["verdict"] for row in result["against_random"]}
    notes = [
        capitalize(describe_contest(f"the {BEST}", "random replay", against_random))
        + " (random at the measured ratio of the head).",
        capitalize(f"{_describe_way(result, MAXIMUM, per_layer=False)}."),
        f"With thresholds per layer, {_describe_way(result, BEST, per_layer=True)}; "
        f"{_describe_way(result, MAXIMUM, per_layer=True)}.",
        f"Best heads by AUC on the calibration clips: {join_words(heads)}.",
    ]
    return Finding(
        KEY,
        "Does a single head decide better than the mean over heads?",
        capitalize(answer) + ".",
        "the mean over heads is the score (whether single heads predict better was left open).",
        stance,
        (Table(header, rows),),
        (" ".join(notes),),
    )


def draw(result: Json, path: Path) -> None:
    """Nats against ratio for each way, and AUC of each head."""
    figure, (left, right) = make_panels(2)
    colours = {MEAN: "#0072b2", MAXIMUM: "#e69f00", BEST: "#009e73"}
    for way, colour in colours.items():
        for layered, style in ((False, "-o"), (True, ":s")):
            rows = [
                row for row in result["rows"] if (row["way"], row["per_layer"]) == (way, layered)
            ]
            left.errorbar(
                [100 * row["ratio"] for row in rows],
                [row["nats"] for row in rows],
                [row["nats_error"] for row in rows],
                fmt=style,
                color=colour,
                label=f"{way}{', per layer' if layered else ''}",
                capsize=2,
                markersize=4,
            )
    label_panel(left, "quality by score", "replayed (measured) [%]", NATS_LABEL)
    add_legend(figure, left, columns=3)
    image = right.imshow(np.array(result["head_auc"]), vmin=0, vmax=1, cmap="RdBu", aspect="auto")
    right.grid(visible=False)
    for layer_index, heads in enumerate(result["head_auc"]):
        for head_index, auc in enumerate(heads):
            right.text(head_index, layer_index, f"{auc:.2f}", ha="center", va="center", fontsize=8)
    right.set_xticks(range(len(result["head_auc"][0])))
    right.set_yticks(range(len(result["head_auc"])))
    figure.colorbar(image, ax=right)
    label_panel(right, "AUC of each head, calibration clips", "head", "layer")
    save_figure(figure, path)
