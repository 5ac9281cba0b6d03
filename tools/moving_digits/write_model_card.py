"""Write MODEL_CARD.md from what training and evaluation left beside the weights.

    python -m tools.moving_digits.write_model_card --checkpoint DIR

Reads training.json, evaluation.json, config.json, video.json and, if the sampling was searched,
sampling_search.json. No number of the card is typed by hand.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcar.reference.config import ModelConfig
from fastcar.reference.files.config_file import load_config
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.model import SHIPPED_MODEL
from tools.markdown import fill_paragraphs, format_table
from tools.moving_digits.digit_images import HELD_OUT_SHARE, SPLIT_SEED
from tools.moving_digits.evaluate import format_requirements

Fields = dict[str, Any]

OWN_OPTIONS = ("out", "start_from", "compile")
"""Arguments of the training that the card writes itself, or that do not change the result."""


@dataclass(frozen=True)
class CardSources:
    """Everything the card tells.

    Attributes:
        config: sizes of the decoder.
        geometry: sizes of the videos.
        training: parameters and stages, written by the training.
        evaluation: written by `tools.moving_digits.evaluate`.
        search: written by `tools.moving_digits.search_sampling`; None if it was not run.
        weight_bytes: size of model.safetensors.
    """

    config: ModelConfig
    geometry: VideoGeometry
    training: Fields
    evaluation: Fields
    search: Fields | None
    weight_bytes: int


def read_sources(directory: Path) -> CardSources:
    """Read the files beside the weights."""

    def read(name: str) -> Fields:
        fields: Fields = json.loads((directory / name).read_text())
        return fields

    searched = (directory / "sampling_search.json").exists()
    return CardSources(
        load_config(directory),
        VideoGeometry(**read("video.json")),
        read("training.json"),
        read("evaluation.json"),
        read("sampling_search.json") if searched else None,
        (directory / "model.safetensors").stat().st_size,
    )


def format_command(arguments: Fields, stage_index: int) -> str:
    """The command of one stage, with the arguments that shape the result."""
    kept = {name: text for name, text in arguments.items() if name not in OWN_OPTIONS}
    options = [f"--{name.replace('_', '-')} {text}" for name, text in kept.items()]
    start = [f"--start-from out/stage{stage_index}"] if stage_index else []
    options = [f"--out out/stage{stage_index + 1}", *start, *options]
    return "python -m tools.moving_digits.train " + " ".join(options)


def format_stages(stages: list[Fields]) -> str:
    """Steps, hours and losses of every stage of the training."""
    lines = []
    for number, stage in enumerate(stages, start=1):
        nats = stage["held_out_nats_per_token"]
        lines.append(
            [
                str(number),
                f"{stage['steps']:,}",
                f"{stage['hours']:.2f}",
                *(f"{nats[part]:.4f}" for part in ("first_frame", "second_frame")),
                f"{nats['from_third_frame']:.5f}",
            ]
        )
    header = ["stage", "steps", "hours", "first frame", "second frame", "from the third frame on"]
    return format_table(header, lines)


def format_stops(stages: list[Fields]) -> str:
    """Why a stage ended before its time, where one did."""
    reasons = [
        f"Stage {number} was stopped {stage['stopped']}."
        for number, stage in enumerate(stages, start=1)
        if "stopped" in stage
    ]
    return "\n" + "\n".join(reasons) + "\n" if reasons else ""


def format_likelihoods(evaluation: Fields) -> str:
    """Teacher-forced likelihood and top-1 by part of the video."""
    names = {
        "first_frame": "first frame (place and digit not yet seen)",
        "second_frame": "second frame",
        "from_third_frame": "frames 3 to 16",
        "beyond_training_length": "frames 17 to 32",
    }
    parts = evaluation["teacher_forced"]
    lines = [
        [name, f"{parts[key]['nats_per_token']:.4f}", f"{parts[key]['top_1']:.2%}"]
        for key, name in names.items()
    ]
    return format_table(["teacher-forced", "nats per token", "top-1"], lines)


def format_free_running(evaluation: Fields) -> str:
    """Continuation of two true frames."""
    lines = [
        [
            name.replace("_", " "),
            f"{shares['on_path_share']:.1%}",
            f"{shares['on_path_to_the_end_share']:.1%}",
            f"{shares['on_path_in_last_frame_share']:.1%}",
        ]
        for name, shares in evaluation["free_running"].items()
    ]
    header = ["free-running", "frames on path", "clips on path throughout", "last frame on path"]
    return format_table(header, lines)


def format_prompted(evaluation: Fields) -> str:
    """Videos from the prompt alone, beside the true clips under the same judge."""
    kinds = {
        "generated": evaluation["prompted"],
        "true clips": evaluation["classifier"]["true_clips"],
    }
    keys = {
        "right_throughout_share": "digit right in every frame",
        "right_first_frame_share": "in the first frame",
        "right_frames_share": "share of frames",
        "no_digit_frames_share": "frames without a digit",
        "right_motion_steps_share": "steps that move as prompted",
    }
    lines = [[kind, *(f"{share[key]:.1%}" for key in keys)] for kind, share in kinds.items()]
    return format_table(["videos", *keys.values()], lines)


def format_search(search: Fields | None) -> str:
    """The table of sampling settings, whole videos."""
    if search is None:
        return ""
    lines = [
        [
            "none" if line["guidance"] is None else f"{line['guidance']:g}",
            f"{line['temperature']:g}",
            "all" if line["top_k"] is None else str(line["top_k"]),
            f"{line['top_p']:g}",
            "greedy" if line["continue_greedily"] else "same",
            str(line["num_frames"]),
            f"{line['right_throughout_share']:.1%}",
            f"{line['right_motion_steps_share']:.1%}" if line["num_frames"] > 1 else "",
        ]
        for line in search["screened"] + search["finals"]
    ]
    header = "guidance|temperature|top-k|top-p|later frames|frames|right throughout|motion"
    return (
        "\n## Choice of the sampling\n\nOn other prompts and seeds than the reported videos "
        f"(seed {search['seed']}, {search['finals'][0]['num_videos']} videos a line).\n\n"
        + format_table(header.split("|"), lines)
        + "\n"
    )


def format_settings(settings: Fields) -> str:
    """Sampling of the reported videos in words."""
    guidance = settings["guidance"]
    words = [
        "no guidance" if guidance is None else f"guidance {guidance:g}",
        f"temperature {settings['temperature']:g}",
    ]
    if settings["top_k"] is not None:
        words.append(f"top-k {settings['top_k']}")
    if settings["top_p"] < 1:
        words.append(f"top-p {settings['top_p']:g}")
    if settings["continue_greedily"]:
        words.append("after the first frame greedy without guidance")
    return ", ".join(words)


def format_card(sources: CardSources) -> str:
    """The whole card."""
    config, geometry, evaluation = sources.config, sources.geometry, sources.evaluation
    stages = sources.training["stages"]
    commands = "\n".join(
        format_command(stage["arguments"], index) for index, stage in enumerate(stages)
    )
    hours = sum(stage["hours"] for stage in stages)
    seeds = ", ".join(dict.fromkeys(stage["arguments"]["seed"] for stage in stages))
    classifier, codec = evaluation["classifier"], evaluation["codec"]
    prompted = evaluation["prompted"]
    return f"""# Moving digits, {geometry.frames} frames of {geometry.tokens_per_frame} tokens

A small auto-regressive video model: a Llama-style decoder over the codes of a patch codec. It
draws a handwritten digit that moves over a black canvas with constant velocity and bounces off the
walls. Written by `python -m tools.moving_digits.write_model_card`; no number is typed by hand.

## Sizes

- {sources.training["parameters"]:,} parameters, float32, {sources.weight_bytes / 1e6:.1f} MB: width
  {config.hidden_size}, {config.num_hidden_layers} layers, {config.num_attention_heads} heads of
  {config.head_dim}, MLP {config.intermediate_size}, vocabulary {config.vocab_size}.
- Videos of {geometry.canvas_pixels}x{geometry.canvas_pixels} pixels, digits of
  {geometry.digit_pixels}x{geometry.digit_pixels}, patches of
  {geometry.patch_pixels}x{geometry.patch_pixels}: {geometry.tokens_per_frame} tokens per frame,
  one of 256 codes each.
- Position limit {config.max_position_embeddings:,} tokens, prompt included.

## Real digits and their licence

The digits are the 8x8 images of scikit-learn's `load_digits`, the test part of "Optical Recognition
of Handwritten Digits" by E. Alpaydin and C. Kaynak, UCI Machine Learning Repository
(https://doi.org/10.24432/C50P49), licence CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). Changes: enlarged bilinearly, shifted by at most one
source pixel, brightness scaled by 0.8 to 1, set in motion. `clips.safetensors` holds encoded clips
of these images and is under the same licence.

Split: {HELD_OUT_SHARE:.0%} held out, stratified by digit, seed {SPLIT_SEED}
(`tools/moving_digits/digit_images.py`). Neither the codebook nor the weights have seen a held-out
image.

## Training

Seed {seeds}; {hours:.2f} hours on two CPU cores; bfloat16 products, float32 weights.

```console
{commands}
```

Length is given in minutes, so another machine makes another number of steps and other weights. Nats
per token on held-out digits at the end of every stage:

{format_stages(stages)}
{format_stops(stages)}
## Results on held-out digits

{evaluation["num_clips"]} clips, each of another held-out image.

{format_requirements(evaluation)}

{format_likelihoods(evaluation)}

Free-running: the prompt and two true frames are given, then greedy. A frame is on the true path if
its PSNR against the codec's own reconstruction of the truth is at least 20 dB.

{format_free_running(evaluation)}

From the prompt alone: {prompted["num_videos"]} videos of {geometry.frames} frames,
{format_settings(prompted["settings"])}, seed {prompted["seed"]}; start places drawn by the seed.
The judge looks for the brightest digit-sized window of each frame and classifies it; a frame that
is nearly black or bright elsewhere counts as wrong. It is a support vector machine trained on the
training split and is right for {classifier["accuracy_real"]:.1%} of the held-out images and for
{classifier["accuracy_codec"]:.1%} of what the codec makes of them.

{format_prompted(evaluation)}

Codec: mean PSNR {codec["psnr_db"]:.1f} dB over the square of a held-out digit, worst
{codec["worst_psnr_db"]:.1f} dB.
{format_search(sources.search)}
## Intended use and limits

For measuring cache attentive replay on a trained model whose true continuation is known. It draws
digits and nothing else, at this size and with whole-patch velocities of at most one patch per
frame. It is no generator of useful images, and results on it need not hold for large video models.
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED_MODEL, help="default: shipped")
    directory: Path = parser.parse_args().checkpoint
    (directory / "MODEL_CARD.md").write_text(fill_paragraphs(format_card(read_sources(directory))))


if __name__ == "__main__":
    main()
