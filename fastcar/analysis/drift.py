"""Drift: quality by frame, over the trained length and beyond."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fastcar.analysis.bench import Workbench
from fastcar.analysis.figures import (
    COLOURS,
    NAMES,
    NATS_LABEL,
    add_legend,
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
    to_difference,
    to_nats,
    to_percent,
)
from fastcar.analysis.runs import DENSE, RunRequest, Setup
from fastcar.analysis.statistics import Direction, compare
from fastcar.metrics import FIRST_SCORED_FRAME, Values, compute_standard_error
from fastcar.reference.calibration import compute_ceiling, compute_eligible_ratio

KEY = "drift"


def measure(bench: Workbench) -> Json:
    """Nats and free-running PSNR by frame, dense and for some gates near the middle ratio.

    Attention is causal, so the first 8 frames of a long run are the run of 8 frames.
    """
    requests = make_requests(bench)
    forced = bench.run_all(list(requests.values()))
    requests["random"] = match_control(bench, forced[list(requests).index("tas")].ratio)
    forced = bench.run_all(list(requests.values()))
    free = bench.run_all([request.with_free_tokens() for request in requests.values()])
    dense_nats = forced[0].frame_nats
    trained = bench.model.num_frames
    runs = []
    for gate, teacher, alone in zip(requests, forced, free, strict=True):
        excess = teacher.frame_nats - dense_nats  # [clips, T]
        runs.append(
            {
                "gate": gate,
                "ratio": teacher.ratio,
                "frame_nats": [float(nats) for nats in teacher.frame_nats.mean(axis=0)],
                "frame_psnr": _average_frames(alone.psnr),
                "spans": make_spans(teacher.frame_nats, alone.psnr),
                "late_minus_early": make_comparison_row(
                    "late", "early", compare(*split_excess(excess, trained))
                ),
            }
        )
    return {"trained_frames": trained, "clips": bench.settings.long_clips, "runs": runs}


def make_requests(bench: Workbench) -> dict[str, RunRequest]:
    """Long teacher-forced runs by gate, the dense one first."""
    settings = bench.settings
    ratio = settings.middle_ratio
    setups = [Setup("tas"), Setup("input")]
    scored, compared = bench.calibrate(setups, settings.ratios)
    base = RunRequest(settings.long_clips, settings.long_frames)
    return {
        DENSE: base,
        "tas": replace(base, setup=setups[0], thresholds=scored[ratio].thresholds),
        "input": replace(base, setup=setups[1], thresholds=compared[ratio].thresholds),
    }


def match_control(bench: Workbench, ratio: float) -> RunRequest:
    """A long random run at the ratio that TAS was measured at."""
    settings = bench.settings
    frame_tokens = bench.model.tokens_per_frame
    ceiling = compute_ceiling(settings.long_frames * frame_tokens - 1, frame_tokens)
    return RunRequest(
        settings.long_clips,
        settings.long_frames,
        Setup("random"),
        ratio=compute_eligible_ratio(ratio, ceiling),
        seed=settings.seed,
    )


def _average_frames(psnr: Values | None) -> list[float] | None:
    return None if psnr is None else [float(mean) for mean in psnr.mean(axis=0)]


def make_spans(frame_nats: Values, psnr: Values | None) -> list[Json]:
    """Quality of the first 8, 16, 32 ... frames, from the third on; inputs [clips, T]."""
    frames = frame_nats.shape[1]
    lengths = [length for length in (8, 16, 32) if length < frames] + [frames]
    spans = []
    for length in lengths:
        nats = frame_nats[:, FIRST_SCORED_FRAME:length].mean(axis=1)
        spans.append(
            {
                "frames": length,
                "nats": float(nats.mean()),
                "nats_error": compute_standard_error(nats),
                "psnr": _average_span(psnr, length),
            }
        )
    return spans


def _average_span(psnr: Values | None, length: int) -> float | None:
    return None if psnr is None else float(psnr[:, FIRST_SCORED_FRAME:length].mean())


def split_excess(excess: Values, trained_frames: int) -> tuple[Values, Values]:
    """Mean excess of the second and of the first half of the trained length, each [clips].

    Frames beyond it are left out: the dense model itself may be untrained there.
    """
    length = min(trained_frames, excess.shape[1])
    middle = (FIRST_SCORED_FRAME + length) // 2
    return excess[:, middle:length].mean(axis=1), excess[:, FIRST_SCORED_FRAME:middle].mean(axis=1)


def describe(result: Json) -> Finding:
    """The finding."""
    runs = {run["gate"]: run for run in result["runs"]}
    tas = runs["tas"]
    change = tas["late_minus_early"]
    words = {
        Direction.HIGHER.value: "grows",
        Direction.LOWER.value: "shrinks",
        Direction.UNDECIDED.value: "neither grows nor shrinks measurably",
    }
    answer = (
        f"Within the trained length, the loss that TAS at {to_percent(tas['ratio'], 0)} adds to "
        f"the dense run {words[change['verdict']]} from the first to the second half "
        f"({change['difference']:+.3f} ± {change['standard_error']:.3f} nats per token)."
    )
    stance = {
        Direction.HIGHER.value: Stance.CONTRADICTS,
        Direction.LOWER.value: Stance.AGREES,
        Direction.UNDECIDED.value: Stance.UNDECIDED,
    }[change["verdict"]]
    rows = []
    for gate, run in runs.items():
        for span in run["spans"]:
            rows.append(
                (
                    f"{NAMES[gate]}, {span['frames']} frames",
                    to_percent(run["ratio"]),
                    to_nats(span["nats"], span["nats_error"]),
                    "-" if span["psnr"] is None else f"{span['psnr']:.1f}",
                )
            )
    header = ("gate, length", "ratio", NATS_LABEL, "free-running PSNR [dB]")
    drift_rows = [
        (NAMES[gate], to_difference(run["late_minus_early"]))
        for gate, run in runs.items()
        if gate != DENSE
    ]
    return Finding(
        KEY,
        "Does the error drift over 8, 16 and 32 frames?",
        answer,
        "replay drifts less than sparse attention alone; its videos have 8 frames.",
        stance,
        (Table(header, rows), Table(("excess over dense", "second - first half"), drift_rows)),
        (
            f"{result['clips']} clips. The model's own length is {result['trained_frames']} "
            "frames; how much of what lies beyond was trained, its model card says. Thresholds are "
            "those of its own length. Not agreeing means that the loss grows with the frames.",
        ),
    )


def draw(result: Json, path: Path) -> None:
    """Nats by frame, and PSNR where there are pixels."""
    fields = ["frame_nats"]
    if result["runs"][0]["frame_psnr"] is not None:
        fields.append("frame_psnr")
    figure, panels = make_panels(len(fields))
    for run in result["runs"]:
        frames = range(FIRST_SCORED_FRAME, len(run["frame_nats"]))
        label = f"{NAMES[run['gate']]}, {to_percent(run['ratio'], 0)}"
        if run["gate"] == DENSE:
            label = NAMES[DENSE]
        for panel, field in zip(panels, fields, strict=True):
            values = run[field][FIRST_SCORED_FRAME:]
            colour = COLOURS[run["gate"]]
            panel.plot(frames, values, "-o", color=colour, label=label, markersize=3)
    for panel in panels:
        use_whole_numbers(panel)
        if len(result["runs"][0]["frame_nats"]) > result["trained_frames"]:
            panel.axvline(result["trained_frames"] - 0.5, color="black", linestyle=":", linewidth=1)
    label_panel(panels[0], "teacher-forced (dotted: trained length)", "frame", NATS_LABEL)
    if len(panels) > 1:
        label_panel(panels[1], "free-running, against the truth", "frame", "PSNR [dB]")
    add_legend(figure, panels[0], columns=4)
    save_figure(figure, path)
