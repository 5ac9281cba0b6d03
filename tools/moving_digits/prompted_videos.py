"""Videos of the model from prompts, dense, and a verdict on what they show."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, Float32Array, TokenIds
from fastcar.reference.generate import DecodeOptions, generate
from fastcar.reference.progress import Progress
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.video.model import VideoModel
from fastcar.reference.video.prompt import Prompt
from tools.moving_digits.digit_recognition import NO_DIGIT, DigitClassifier, compute_motion_matches


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

    guidance: float | None = 2.0
    temperature: float = 0.7
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
    result = generate(
        model.config,
        model.weights,
        model.encode_prompts(prompts),
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


def generate_prompted(
    model: VideoModel,
    prompts: tuple[Prompt, ...],
    settings: PromptedSettings,
    num_frames: int,
    seed: int,
    label: str = "",
) -> Float32Array:
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
    classifier: DigitClassifier, videos: Float32Array, prompts: tuple[Prompt, ...]
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
        "right_motion_steps_share": float(np.mean(moves)) if videos.shape[1] > 1 else None,
        "right_throughout_by_digit": [
            float(throughout[prompted == digit].mean()) for digit in sorted(set(prompted.tolist()))
        ],
    }


def make_progress(label: str) -> Progress:
    """Print one line every tenth of the tokens, to standard error."""
    start = time.monotonic()

    def show(done: int, total: int) -> None:
        if done * 10 // total > (done - 1) * 10 // total:
            seconds = time.monotonic() - start
            print(f"{label}: {done}/{total} tokens, {seconds:.0f} s", file=sys.stderr, flush=True)

    return show
