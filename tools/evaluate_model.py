"""Quality of the moving-digits model on digits that no training ever saw: `make evaluate`.

    python -m tools.evaluate_model --checkpoint DIR

Teacher-forced likelihood, free-running continuation of true frames, generation from the prompt
alone, and what the codec loses. The numbers go to evaluation.json beside the weights, from which
`tools.write_model_card` writes the model card.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.decoder import TokenIds
from reference.generate import DecodeOptions, Progress, Prompts, generate
from reference.replay import ReplayConfig
from reference.sampling import Sampling
from reference.video.model import SHIPPED_MODEL, Clips, VideoModel, load_video_model
from reference.video.prompt import DIRECTIONS, NUM_DIGITS, Prompt
from tools.digit_images import load_split
from tools.digit_recognition import (
    NO_DIGIT,
    DigitClassifier,
    FloatArray,
    compute_motion_matches,
    place_on_canvas,
)

TRUE_FRAMES = 2
"""Frames after which the motion is known."""
FRAME_COUNTS = (16, 32)
"""The training length and twice that."""
ON_PATH_PSNR_DB = 20.0
VIDEOS_PER_DIGIT = 10
REPORT_SEED = 2000
"""Of the reported videos; the sampling was chosen on others (`tools.search_sampling`)."""

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class PromptedSettings:
    """How videos are drawn from the prompt alone.

    Attributes:
        guidance: scale; None = no guidance.
        temperature: 0 = greedy.
        top_k: None = all codes.
        top_p: 1 = all codes.
        continue_greedily: draw the first frame so, then continue greedily without guidance.
    """

    guidance: float | None = 3.0
    temperature: float = 0.5
    top_k: int | None = None
    top_p: float = 1.0
    continue_greedily: bool = False


def run_model(
    model: VideoModel,
    prompts: tuple[Prompt, ...],
    num_frames: int,
    sampling: Sampling,
    given_ids: TokenIds | None = None,
    guidance: float | None = None,
    seed: int = 0,
    label: str = "",
) -> tuple[TokenIds, NDArray[np.float64], BoolArray]:
    """Decode one video per prompt, dense, all in one batch.

    Returns:
        token_ids [videos, S], nats [videos, frames, N] and top_1 [videos, frames, N].
    """
    tokens_per_frame = model.geometry.tokens_per_frame
    encoded: Prompts = model.encode_prompts(prompts)
    result = generate(
        model.config,
        model.weights,
        encoded,
        DecodeOptions(ReplayConfig(tokens_per_frame), guidance=guidance),
        num_frames=num_frames,
        num_codes=model.codec.num_codes,
        sampling=sampling,
        seed=seed,
        given_ids=given_ids,
        progress=make_progress(label) if label else None,
    )
    shape = len(prompts), num_frames, tokens_per_frame
    return result.token_ids, result.nats.T.reshape(shape), result.top_1.T.reshape(shape)


def evaluate_codec(model: VideoModel, images: FloatArray) -> dict[str, float]:
    """PSNR of the codec's reconstruction of still digits [n, 8, 8], over the digit's own square."""
    frames = place_on_canvas(images, model.geometry)
    restored = model.codec.decode(model.codec.encode(frames), model.geometry.patches_per_side)
    square = slice(0, model.geometry.digit_pixels)
    errors = ((frames - restored)[:, square, square] ** 2).mean(axis=(1, 2))
    return {
        "num_digits": len(images),
        "psnr_db": float((-10 * np.log10(errors)).mean()),
        "worst_psnr_db": float((-10 * np.log10(errors)).min()),
    }


def evaluate_classifier(
    classifier: DigitClassifier, model: VideoModel, images: FloatArray, digits: NDArray[np.int64]
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
    _, nats, top_1 = run_model(
        model, clips.prompts, frames, Sampling(0), clips.token_ids, label="teacher-forced"
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


def is_on_path(frames: FloatArray, truth: FloatArray) -> BoolArray:
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
    token_ids, _, _ = run_model(
        model, clips.prompts, frames, Sampling(0), given, label="free-running"
    )
    on_path = is_on_path(model.render(token_ids), model.render(clips.token_ids))
    # a greedy run of 16 frames is the beginning of one of 32
    return {
        f"{count}_frames": compute_path_shares(on_path[:, TRUE_FRAMES:count])
        for count in FRAME_COUNTS
    }


def make_prompts(videos_per_digit: int, first_direction: int = 0) -> tuple[Prompt, ...]:
    """The same number of videos of every digit, directions dealt in turn."""
    velocities = list(DIRECTIONS.values())
    return tuple(
        Prompt(digit, *velocities[(first_direction + digit + index) % len(velocities)])
        for digit in range(NUM_DIGITS)
        for index in range(videos_per_digit)
    )


def generate_prompted(
    model: VideoModel,
    prompts: tuple[Prompt, ...],
    settings: PromptedSettings,
    num_frames: int,
    seed: int,
    label: str = "",
) -> FloatArray:
    """[videos, T, H, W] pixels of videos drawn from the prompt alone."""
    sampling = Sampling(settings.temperature, settings.top_k, settings.top_p)
    drawn_frames = 1 if settings.continue_greedily else num_frames
    token_ids, _, _ = run_model(
        model, prompts, drawn_frames, sampling, None, settings.guidance, seed, label
    )
    if drawn_frames < num_frames:
        token_ids, _, _ = run_model(model, prompts, num_frames, Sampling(0), token_ids, label=label)
    return model.render(token_ids)


def judge_videos(
    classifier: DigitClassifier, videos: FloatArray, prompts: tuple[Prompt, ...]
) -> dict[str, Any]:
    """How well videos [videos, T, H, W] show the prompted digits and move as prompted."""
    digits, places = classifier.classify(videos)
    prompted = np.array([prompt.digit for prompt in prompts])
    right = digits == prompted[:, None]
    moves = [
        compute_motion_matches(path, prompt, classifier.geometry)
        for path, prompt in zip(places, prompts, strict=True)
    ]
    throughout = right.all(axis=1)
    return {
        "num_videos": len(videos),
        "right_throughout_share": float(throughout.mean()),
        "right_first_frame_share": float(right[:, 0].mean()),
        "right_frames_share": float(right.mean()),
        "no_digit_frames_share": float((digits == NO_DIGIT).mean()),
        "right_motion_steps_share": float(np.mean(moves)),
        "right_throughout_by_digit": [
            float(throughout[prompted == digit].mean()) for digit in sorted(set(prompted.tolist()))
        ],
    }


def evaluate_prompted(
    model: VideoModel, classifier: DigitClassifier, settings: PromptedSettings
) -> dict[str, Any]:
    """One hundred videos from the prompt alone."""
    prompts = make_prompts(VIDEOS_PER_DIGIT)
    videos = generate_prompted(
        model, prompts, settings, FRAME_COUNTS[0], REPORT_SEED, "from the prompt alone"
    )
    chosen = {"settings": asdict(settings), "seed": REPORT_SEED}
    return chosen | judge_videos(classifier, videos, prompts)


def make_progress(label: str) -> Progress:
    """Print one line every tenth of the tokens, to standard error."""
    start = time.monotonic()

    def show(done: int, total: int) -> None:
        if done * 10 // total > (done - 1) * 10 // total:
            seconds = time.monotonic() - start
            print(f"{label}: {done}/{total} tokens, {seconds:.0f} s", file=sys.stderr, flush=True)

    return show


def evaluate(model: VideoModel, settings: PromptedSettings) -> dict[str, Any]:
    """All measures of one model."""
    training, (images, digits) = load_split()
    classifier = DigitClassifier(training, model.geometry)
    clips = model.load_clips("held_out")
    truth = judge_videos(classifier, model.render(clips.token_ids), clips.prompts)
    return {
        "num_clips": len(clips.prompts),
        "codec": evaluate_codec(model, images),
        "classifier": evaluate_classifier(classifier, model, images, digits)
        | {"true_clips": truth},
        "prompted": evaluate_prompted(model, classifier, settings),
        "teacher_forced": evaluate_forced(model, clips),
        "free_running": evaluate_free(model, clips),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED_MODEL, help="default: shipped")
    parser.add_argument("--out", type=Path, help="default: evaluation.json in the checkpoint")
    arguments = parser.parse_args()
    out = arguments.out or arguments.checkpoint / "evaluation.json"
    results = evaluate(load_video_model(arguments.checkpoint), PromptedSettings())
    out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
