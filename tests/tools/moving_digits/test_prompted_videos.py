from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.arrays import Float32Array
from fastcar.reference.sampling import Sampling
from fastcar.reference.video.model import VideoModel
from fastcar.reference.video.moving_digits import Motion, render_clip
from fastcar.reference.video.prompt import DIRECTIONS, Prompt
from tools.moving_digits.clip_sampler import GEOMETRY
from tools.moving_digits.digit_images import LabelledImages
from tools.moving_digits.digit_recognition import DigitClassifier
from tools.moving_digits.prompted_videos import (
    PromptedSettings,
    generate_prompted,
    judge_videos,
    run_model,
)
from tools.moving_digits.prompts import make_prompts, require_prompts


@pytest.fixture(scope="module")
def true_videos(
    classifier: DigitClassifier, held_out: LabelledImages
) -> tuple[Float32Array, tuple[Prompt, ...]]:
    """One video of every digit, of images that the classifier knows."""
    images, labels = held_out
    videos, prompts = [], []
    for digit in range(10):
        prompt = Prompt(digit, *list(DIRECTIONS.values())[digit % 8], start_x=1, start_y=3)
        for image in images[labels == digit]:
            motion = Motion(1, 3, prompt.velocity_x, prompt.velocity_y)
            video = render_clip(image, motion, GEOMETRY, frames=8)
            if classifier.classify(video[:1])[0] == digit:
                break
        videos.append(video)
        prompts.append(prompt)
    return np.stack(videos), tuple(prompts)


def test_true_videos_are_right(
    classifier: DigitClassifier, true_videos: tuple[Float32Array, tuple[Prompt, ...]]
) -> None:
    verdict = judge_videos(classifier, *true_videos)
    assert verdict["right_throughout_share"] == 1
    assert verdict["right_motion_steps_share"] == 1
    assert verdict["no_digit_frames_share"] == 0
    assert verdict["right_throughout_by_digit"] == [1] * 10


def test_one_wrong_frame_fails_the_video(
    classifier: DigitClassifier, true_videos: tuple[Float32Array, tuple[Prompt, ...]]
) -> None:
    videos, prompts = true_videos
    planted = videos.copy()
    planted[3, 5] = 0
    planted[4, 2] = videos[5, 2]
    verdict = judge_videos(classifier, planted, prompts)
    assert verdict["right_throughout_share"] == pytest.approx(0.8)
    assert verdict["right_frames_share"] == pytest.approx(1 - 2 / 80)
    assert verdict["right_first_frame_share"] == 1
    assert verdict["no_digit_frames_share"] == pytest.approx(1 / 80)
    assert [verdict["right_throughout_by_digit"][digit] for digit in (3, 4, 5)] == [0, 0, 1]


def test_another_digit_than_prompted_is_wrong(
    classifier: DigitClassifier, true_videos: tuple[Float32Array, tuple[Prompt, ...]]
) -> None:
    videos, prompts = true_videos
    verdict = judge_videos(classifier, np.roll(videos, 1, axis=0), prompts)
    assert verdict["right_throughout_share"] == 0
    assert verdict["right_motion_steps_share"] < 0.5


def test_a_single_frame_has_no_motion(
    classifier: DigitClassifier, true_videos: tuple[Float32Array, tuple[Prompt, ...]]
) -> None:
    videos, prompts = true_videos
    verdict = judge_videos(classifier, videos[:, :1], prompts)
    assert verdict["right_motion_steps_share"] is None
    assert verdict["right_throughout_share"] == 1


def test_videos_follow_the_seed_and_the_way_they_continue(shipped: VideoModel) -> None:
    prompts = make_prompts(1)[:1]
    settings = PromptedSettings(guidance=2.0, temperature=1.0)
    videos = generate_prompted(shipped, prompts, settings, num_frames=2, seed=5)
    assert videos.shape == (1, 2, 32, 32)
    again = generate_prompted(shipped, prompts, settings, num_frames=2, seed=5)
    assert (videos == again).all()
    assert (videos != generate_prompted(shipped, prompts, settings, 2, seed=6)).any()
    greedy = PromptedSettings(guidance=2.0, temperature=1.0, continue_greedily=True)
    continued = generate_prompted(shipped, prompts, greedy, num_frames=2, seed=5)
    assert (continued[:, 0] == videos[:, 0]).all()


def test_likelihoods_come_back_by_frame(shipped: VideoModel) -> None:
    clips = shipped.load_clips("held_out").take(2)
    given = clips.token_ids[:, :128]
    prompts = require_prompts(clips.prompts)
    token_ids, nats, top_1 = run_model(shipped, prompts, 2, Sampling(0), given)
    assert (token_ids == given).all()
    assert nats.shape == top_1.shape == (2, 2, 64)
    assert (nats >= 0).all()
    # what is most likely is at least as likely as one token in a vocabulary
    assert nats[top_1].max() <= np.log(shipped.config.vocab_size)
