"""Free-running quality: PSNR against the codec's truth after two true frames, greedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastcar.analysis.bench import Workbench
from fastcar.analysis.figures import (
    COLOURS,
    NAMES,
    add_legend,
    label_panel,
    make_panels,
    save_figure,
)
from fastcar.analysis.finding import (
    Finding,
    Json,
    Table,
    capitalize,
    describe_contest,
    get_contest_stance,
    make_comparison_row,
    to_percent,
)
from fastcar.analysis.gate_comparison import make_contenders, make_controls
from fastcar.analysis.runs import RunSummary, Setup
from fastcar.analysis.statistics import compare
from fastcar.metrics import FIRST_SCORED_FRAME, Values, compute_standard_error
from fastcar.report import ON_PATH_DECIBELS

KEY = "free_running"
NEEDS_PIXELS = True


def measure(bench: Workbench) -> Json:
    """Every gate of the comparison at the few ratios, on the model's own tokens."""
    contenders = make_contenders(bench)
    contenders += make_controls(bench, contenders)
    chosen = [
        contender
        for contender in contenders
        if contender.target in bench.settings.few_ratios and "per layer" not in contender.name
    ]
    requests = [bench.make_request(Setup())] + [contender.request for contender in chosen]
    dense, *others = bench.run_all([request.with_free_tokens() for request in requests])
    dense_row = make_row(dense, dense)
    rows = [
        {"gate": contender.name, "target": contender.target, **make_row(summary, dense)}
        for contender, summary in zip(chosen, others, strict=True)
    ]
    psnr = {
        (contender.name, contender.target): get_clip_psnr(summary)
        for contender, summary in zip(chosen, others, strict=True)
    }
    return {"dense": dense_row, "rows": rows, "comparisons": make_comparisons(psnr)}


def get_clip_psnr(summary: RunSummary) -> Values:
    """Mean PSNR of each clip from the third frame on, [clips] decibels."""
    assert summary.psnr is not None, "a model without pixels is not asked"
    return np.asarray(summary.psnr[:, FIRST_SCORED_FRAME:].mean(axis=1))


def make_row(summary: RunSummary, dense: RunSummary) -> Json:
    """Free-running quality of a run, and its loss against the dense one, paired by clip."""
    psnr = get_clip_psnr(summary)
    assert summary.psnr is not None
    assert summary.ssim is not None
    frames = summary.psnr[:, FIRST_SCORED_FRAME:]
    loss = compare(psnr, get_clip_psnr(dense))
    return {
        "ratio": summary.ratio,
        "psnr": float(psnr.mean()),
        "psnr_error": compute_standard_error(psnr),
        "ssim": float(summary.ssim[:, FIRST_SCORED_FRAME:].mean()),
        "on_true_path": float((frames >= ON_PATH_DECIBELS).mean()),
        "against_dense": loss.difference,
        "against_dense_error": loss.standard_error,
    }


def make_comparisons(psnr: dict[tuple[str, float], Values]) -> list[Json]:
    """TAS against random; the sign is turned so that "lower" is better, as for nats."""
    return [
        {
            "target": target,
            **make_comparison_row(
                "tas", "random", compare(-psnr["tas", target], -psnr["random", target])
            ),
        }
        for name, target in psnr
        if name == "tas"
    ]


def describe(result: Json) -> Finding:
    """The finding."""
    dense = result["dense"]
    outcomes = {row["target"]: row["verdict"] for row in result["comparisons"]}
    contest = describe_contest("TAS", "random replay", outcomes)
    answer = (
        f"On its own tokens the dense model holds {to_percent(dense['on_true_path'])} of the "
        f"frames on the true path ({dense['psnr']:.1f} dB); {contest}."
    )
    rows = [_to_cells("dense", dense)]
    rows += [
        _to_cells(f"{NAMES[row['gate']]}, {to_percent(row['target'], 0)}", row)
        for row in result["rows"]
    ]
    header = ("gate, target", "ratio", "PSNR [dB]", "SSIM", "on true path", "against dense [dB]")
    return Finding(
        KEY,
        "What does replay do to free-running videos?",
        capitalize(answer),
        "PSNR falls by 0.23 dB from 20 % to 80 % replay (against the dense video; here against "
        "the truth).",
        get_contest_stance(outcomes.values()),
        (Table(header, rows),),
        (
            f"Greedy, after the prompt and {FIRST_SCORED_FRAME} true frames; a frame is on the "
            f"true path at {ON_PATH_DECIBELS:.0f} dB or more. One wrong token changes the "
            "rest of the video, so this measure is noisy: teacher-forced numbers come first. "
            "The stance is on TAS against random replay.",
        ),
    )


def _to_cells(label: str, row: Json) -> tuple[str, ...]:
    return (
        label,
        to_percent(row["ratio"]),
        f"{row['psnr']:.1f} ± {row['psnr_error']:.1f}",
        f"{row['ssim']:.3f}",
        to_percent(row["on_true_path"]),
        f"{row['against_dense']:+.1f} ± {row['against_dense_error']:.1f}",
    )


def draw(result: Json, path: Path) -> None:
    """PSNR and share of frames on the true path."""
    figure, (left, right) = make_panels(2)
    for gate in dict.fromkeys(row["gate"] for row in result["rows"]):
        rows = [result["dense"]] + [row for row in result["rows"] if row["gate"] == gate]
        rows = sorted(rows, key=lambda row: row["ratio"])
        shares = [100 * row["ratio"] for row in rows]
        left.errorbar(
            shares,
            [row["psnr"] for row in rows],
            [row["psnr_error"] for row in rows],
            fmt="-o",
            color=COLOURS[gate],
            label=NAMES[gate],
            capsize=2,
            markersize=4,
        )
        on_path = [100 * row["on_true_path"] for row in rows]
        right.plot(shares, on_path, "-o", color=COLOURS[gate], markersize=4)
    label_panel(left, "PSNR against the truth, capped", "replayed (measured) [%]", "PSNR [dB]")
    label_panel(right, "frames on the true path", "replayed (measured) [%]", "frames [%]")
    add_legend(figure, left, columns=5)
    save_figure(figure, path)
