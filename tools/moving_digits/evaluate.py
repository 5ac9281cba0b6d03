"""Quality of the moving-digits model on digits that no training ever saw: `make evaluate`.

    python -m tools.moving_digits.evaluate --checkpoint DIR

Teacher-forced likelihood, free-running continuation of true frames, generation from the prompt
alone, and what the codec loses. The numbers go to evaluation.json beside the weights, from which
`tools.moving_digits.write_model_card` writes the model card.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, Float32Array
from fastcar.reference.sampling import Sampling
from fastcar.reference.video.clips_file import Clips
from fastcar.reference.video.model import SHIPPED_MODEL, VideoModel, load_video_model
from tools.markdown import format_table
from tools.moving_digits.digit_images import load_split
from tools.moving_digits.digit_recognition import DigitClassifier, place_on_canvas
from tools.moving_digits.prompted_videos import (
    PromptedSettings,
    generate_prompted,
    judge_videos,
    run_model,
)
from tools.moving_digits.prompts import make_prompts, require_prompts

TRUE_FRAMES = 2
"""Frames after which the motion is known."""
FRAME_COUNTS = (16, 32)
"""The training length and twice that."""
ON_PATH_PSNR_DB = 20.0
VIDEOS_PER_DIGIT = 10
REPORT_SEED = 2000
"""Of the reported videos; the sampling was chosen on others (`search_sampling`)."""


def evaluate_codec(model: VideoModel, images: Float32Array) -> dict[str, float]:
    """PSNR of the codec's reconstruction of still digits [n, 8, 8], over the digit's own square."""
    frames = place_on_canvas(images, model.geometry)
    restored = model.codec.decode(model.codec.encode(frames), model.geometry.patches_per_side)
    square = slice(0, model.geometry.get_digit_pixels())
    errors = ((frames - restored)[:, square, square] ** 2).mean(axis=(1, 2))
    return {
        "num_digits": len(images),
        "psnr_db": float((-10 * np.log10(errors)).mean()),
        "worst_psnr_db": float((-10 * np.log10(errors)).min()),
    }


def evaluate_classifier(
    classifier: DigitClassifier, model: VideoModel, images: Float32Array, digits: NDArray[np.int64]
) -> dict[str, float]:
    """Accuracy on held-out real digits and on what the codec makes of them."""
    frames = place_on_canvas(images, model.geometry)
    restored = model.codec.decode(model.codec.encode(frames), model.geometry.patches_per_side)
    return {
        "num_digits": len(images),
        "accuracy_real": float((classifier.classify(frames)[0] == digits).mean()),
        "accuracy_codec": float((classifier.classify(restored)[0] == digits).mean()),
    }


def evaluate_forced(model: VideoModel, clips: Clips) -> dict[str, Any]:
    """Nats per token and top-1 when every token before is the true one, by frames."""
    frames = max(FRAME_COUNTS)
    prompts = require_prompts(clips.prompts)
    _, nats, top_1 = run_model(
        model, prompts, frames, Sampling(0), clips.token_ids, label="teacher-forced"
    )
    spans = {
        "first_frame": slice(0, 1),
        "second_frame": slice(1, 2),
        "from_third_frame": slice(2, FRAME_COUNTS[0]),
        "beyond_training_length": slice(FRAME_COUNTS[0], frames),
    }
    return {
        name: {"nats_per_token": float(nats[:, span].mean()), "top_1": float(top_1[:, span].mean())}
        for name, span in spans.items()
    }


def is_on_path(frames: Float32Array, truth: Float32Array) -> BoolArray:
    """Whether a frame's PSNR against the truth is at least ON_PATH_PSNR_DB; peak is 1.

    >>> is_on_path(np.full((2, 8, 8), [[[0.1]], [[0.11]]]), np.zeros((2, 8, 8))).tolist()
    [True, False]
    """
    errors = ((frames.astype(np.float64) - truth) ** 2).mean(axis=(-2, -1))
    limit = 10 ** (-ON_PATH_PSNR_DB / 10)
    return np.asarray(errors <= limit * (1 + 1e-9))  # 20 dB exactly counts, despite rounding


def compute_path_shares(on_path: BoolArray) -> dict[str, Any]:
    """Shares of frames and of clips on the true path; on_path is [clips, generated frames]."""
    return {
        "on_path_share": float(on_path.mean()),
        "on_path_to_the_end_share": float(on_path.all(axis=1).mean()),
        "on_path_in_last_frame_share": float(on_path[:, -1].mean()),
        "on_path_share_by_frame": on_path.mean(axis=0).round(4).tolist(),
    }


def evaluate_free(model: VideoModel, clips: Clips) -> dict[str, Any]:
    """Greedy continuation of two true frames, compared with the codec's view of the truth."""
    frames = max(FRAME_COUNTS)
    given = clips.token_ids[:, : TRUE_FRAMES * model.geometry.tokens_per_frame]
    prompts = require_prompts(clips.prompts)
    token_ids, _, _ = run_model(model, prompts, frames, Sampling(0), given, label="free-running")
    on_path = is_on_path(model.render(token_ids), model.render(clips.token_ids))
    # a greedy run of 16 frames is the beginning of one of 32
    return {
        f"{count}_frames": compute_path_shares(on_path[:, TRUE_FRAMES:count])
        for count in FRAME_COUNTS
    }


def evaluate_prompted(
    model: VideoModel, classifier: DigitClassifier, settings: PromptedSettings
) -> dict[str, Any]:
    """One hundred videos from the prompt alone."""
    asked = make_prompts(VIDEOS_PER_DIGIT)
    prompts = require_prompts(model.draw_starts(asked, REPORT_SEED))
    videos = generate_prompted(
        model, prompts, settings, FRAME_COUNTS[0], REPORT_SEED, "from the prompt alone"
    )
    chosen = {"settings": asdict(settings), "seed": REPORT_SEED}
    return chosen | judge_videos(classifier, videos, prompts)


def evaluate(model: VideoModel, settings: PromptedSettings) -> dict[str, Any]:
    """All measures of one model."""
    training, (images, digits) = load_split()
    classifier = DigitClassifier(training, model.geometry)
    clips = model.load_clips("held_out")
    prompts = require_prompts(clips.prompts)
    truth = judge_videos(classifier, model.render(clips.token_ids), prompts)
    return {
        "num_clips": len(clips.prompts),
        "codec": evaluate_codec(model, images),
        "classifier": evaluate_classifier(classifier, model, images, digits)
        | {"true_clips": truth},
        "prompted": evaluate_prompted(model, classifier, settings),
        "teacher_forced": evaluate_forced(model, clips),
        "free_running": evaluate_free(model, clips),
    }


@dataclass(frozen=True)
class Requirement:
    """One number with the limit it is held to.

    Attributes:
        measure: what was measured.
        value: the number.
        limit: to reach or to stay below.
        is_ceiling: the limit is the largest value allowed, not the smallest.
        unit: "%" shows shares as percentages.
    """

    measure: str
    value: float
    limit: float
    is_ceiling: bool = False
    unit: str = "%"

    @property
    def is_met(self) -> bool:
        """Whether the limit is kept."""
        return self.value <= self.limit if self.is_ceiling else self.value >= self.limit

    def format_cells(self) -> list[str]:
        """Cells of a table: measure, value, limit, met."""
        shown = [
            f"{number:.2%}" if self.unit == "%" else f"{number:.4f} {self.unit}"
            for number in (self.value, self.limit)
        ]
        word = "at most" if self.is_ceiling else "at least"
        return [self.measure, shown[0], f"{word} {shown[1]}", "yes" if self.is_met else "no"]


def get_requirements(results: dict[str, Any]) -> list[Requirement]:
    """The numbers that the model is held to."""
    forced = results["teacher_forced"]["from_third_frame"]
    free = results["free_running"][f"{FRAME_COUNTS[0]}_frames"]
    prompted = results["prompted"]
    return [
        Requirement(
            "teacher-forced likelihood from the third frame on",
            forced["nats_per_token"],
            0.02,
            is_ceiling=True,
            unit="nats per token",
        ),
        Requirement("teacher-forced top-1 from the third frame on", forced["top_1"], 0.995),
        Requirement("free-running frames on the true path", free["on_path_share"], 0.6),
        Requirement(
            "videos from the prompt alone that show its digit in every frame",
            prompted["right_throughout_share"],
            0.9,
        ),
    ]


def format_requirements(results: dict[str, Any]) -> str:
    """The same as a table."""
    lines = [verdict.format_cells() for verdict in get_requirements(results)]
    return format_table(["measure", "reached", "target", "met"], lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED_MODEL, help="default: shipped")
    parser.add_argument("--out", type=Path, help="default: evaluation.json in the checkpoint")
    arguments = parser.parse_args()
    out = arguments.out or arguments.checkpoint / "evaluation.json"
    results = evaluate(load_video_model(arguments.checkpoint), PromptedSettings())
    out.write_text(json.dumps(results, indent=1) + "\n")
    print(format_requirements(results))


if __name__ == "__main__":
    main()
