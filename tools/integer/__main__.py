"""Write docs/integer_quality.md and .json: the integer decoder against float on the shipped model.

python -m tools.integer             # measure, about a minute on two cores
python -m tools.integer --rewrite   # the page from the numbers as they stand
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from fastcar.analysis.report import describe_model
from fastcar.output import write_atomically
from fastcar.proofs.integer_mlp_steps import STEP_NAMES
from fastcar.reference.video.model import SHIPPED_MODEL, VideoModel, load_video_model
from tools.integer.measures import GATE_NAMES, Json, Settings, measure
from tools.markdown import fill_paragraphs, format_table
from tools.paths import DOCS

REPORT_NAME, PAGE_NAME = "integer_quality.json", "integer_quality.md"

TOP_1_TARGET = 0.99
GATE_TITLES = {"dense": "dense", "tas": "SCORE (tas)", "input": "DISTANCE (input)"}


def make_report(model: VideoModel, settings: Settings) -> Json:
    """Everything that the page says."""
    return {"model": describe_model(model), "settings": asdict(settings)} | measure(model, settings)


def make_page(report: Json) -> str:
    """The page of a report; no number is typed by hand."""
    settings = report["settings"]
    return fill_paragraphs(
        f"""# The integer decoder against float

Written by `python -m tools.integer`. Model {report["model"]["name"]}; scales from
{settings["calibration_clips"]} calibration clips, everything below from clips of digits that
neither the model nor the scales have seen. Weights int8, activations int16, attention in float
(docs/accelerator.md, section 1).

## Teacher forcing

{settings["clips"]} held-out clips of {settings["frames"]} frames. Thresholds are those that replay
{settings["ratio"]:.0%} of all decisions of a dense float run over the calibration clips; the
integer run compares with the integer thresholds that follow from them. Agreement is that of the
most likely token, and of the decisions of eligible tokens. Target: at least {TOP_1_TARGET:.0%} of
the tokens.

{format_forced(report)}

## Generated videos

{settings["videos"]} videos of {settings["frames"]} frames drawn at temperature
{settings["temperature"]} with equal seeds; PSNR of the integer decoder's frames against the float
decoder's, identical frames counted as 100 dB. One token that is drawn differently changes the rest
of its video.

{format_free(report)}

## Error of every step

Largest error of any element against float64 arithmetic on the same residual rows, the largest bound
(P-19, from the constants and integers alone), and how much of its own bound an
element reached at most. Dense run, {report["errors"][0]["rows"]} rows of every layer.

{format_errors(report)}

At the end of the int16 range stand {format_saturation(report)} of the numbers of layers
{", ".join(str(entry["layer"]) for entry in report["errors"])}.
"""
    )


def format_forced(report: Json) -> str:
    """Table of the teacher-forced runs."""
    lines = []
    for name in GATE_NAMES:
        forced = report["gates"][name]["forced"]
        decisions = f"{forced['decision_agreement']:.2%}" if name != "dense" else "-"
        lines.append(
            [
                GATE_TITLES[name],
                f"{forced['top_1_agreement']:.3%}",
                f"{forced['nats_float']:.5f}",
                f"{forced['nats_integer'] - forced['nats_float']:+.5f}",
                decisions,
                f"{forced['ratio_float']:.2%}",
                f"{forced['ratio_integer']:.2%}",
            ]
        )
    header = ["gate", "top-1 agreement", "nats, float", "integer", "decisions", "replayed, float"]
    return format_table([*header, "integer"], lines)


def format_free(report: Json) -> str:
    """Table of the generated videos."""
    lines = []
    for name in GATE_NAMES:
        free = report["gates"][name]["free"]
        shares = [f"{free[key]:.1%}" for key in ("same_tokens", "same_videos")]
        decibels = [
            f"{free[key]:.1f}"
            for key in ("psnr_mean_db", "psnr_first_frame_db", "psnr_worst_frame_db")
        ]
        lines.append([GATE_TITLES[name], *shares, *decibels])
    header = ["gate", "equal tokens", "equal videos", "PSNR, dB", "first frame", "worst frame"]
    return format_table(header, lines)


def format_errors(report: Json) -> str:
    """Table of errors and bounds."""
    lines = []
    for entry in report["errors"]:
        for name in STEP_NAMES:
            step = entry["steps"][name]
            numbers = [step[key] for key in ("mean_error", "largest_error", "largest_bound")]
            cells = [f"{number:.2e}" for number in numbers]
            lines.append([f"{entry['layer']}", name, *cells, f"{step['largest_ratio']:.3f}"])
    header = ["layer", "step", "mean error", "largest error", "largest bound", "share of its bound"]
    return format_table(header, lines)


def format_saturation(report: Json) -> str:
    """Saturated shares of the layers."""
    return ", ".join(f"{entry['saturated']:.1e}" for entry in report["errors"])


def write_report(report: Json, directory: Path) -> None:
    """Replace page and numbers."""
    numbers = json.dumps(report, indent=1, allow_nan=False) + "\n"
    for name, text in ((REPORT_NAME, numbers), (PAGE_NAME, make_page(report))):
        with write_atomically(directory / name) as partial:
            partial.write_text(text, encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=DOCS, help="directory of the page")
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED_MODEL, help="video model")
    parser.add_argument("--rewrite", action="store_true", help="measure nothing anew")
    arguments = parser.parse_args()
    if arguments.rewrite:
        report = json.loads((arguments.out / REPORT_NAME).read_text(encoding="utf-8"))
    else:
        report = make_report(load_video_model(arguments.checkpoint), Settings())
    write_report(report, arguments.out)
    print(format_forced(report))


if __name__ == "__main__":
    main()
