from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from fastcar.reference.video.model import SHIPPED_MODEL, load_video_model
from fastcar.reference.video.moving_digits import Motion, render_clip
from fastcar.reference.video.prompt import PROMPT_TOKENS, PromptVocabulary
from tools.moving_digits.clip_sampler import GEOMETRY, ClipSampler, place_codes
from tools.moving_digits.digit_images import HELD_OUT_SHARE, encode_digits, load_split, shift
from tools.moving_digits.make_clips import NUM_CALIBRATION_CLIPS, NUM_HELD_OUT_CLIPS, make_clips
from tools.moving_digits.prompts import require_prompts


def test_no_image_is_both_trained_on_and_held_out() -> None:
    (train_images, _), (held_images, held_labels) = load_split()
    trained = {image.tobytes() for image in train_images}
    assert not trained & {image.tobytes() for image in held_images}
    assert len(held_images) == pytest.approx(
        HELD_OUT_SHARE * (len(train_images) + len(held_images)), abs=1
    )
    assert np.bincount(held_labels, minlength=10).min() >= 30


def test_shift_moves_the_image_and_leaves_black() -> None:
    image = np.zeros((8, 8), np.float32)
    image[2, 3] = 1
    assert np.argwhere(shift(image, dx=1, dy=-1)).tolist() == [[1, 4]]
    assert shift(np.ones((8, 8), np.float32), dx=0, dy=1)[0].tolist() == [0] * 8


def test_placing_codes_equals_encoding_the_rendered_clip() -> None:
    codec = load_video_model().codec
    (images, _), _ = load_split()
    codes = encode_digits(images[:5], codec, GEOMETRY)
    for image, image_codes, velocity in zip(images[:5], codes, (-1, 0, 1, 1, -1), strict=True):
        motion = Motion(2, 4, velocity, 1)
        encoded = codec.encode(render_clip(image, motion, GEOMETRY))
        assert np.array_equal(place_codes(image_codes, motion, GEOMETRY, 16), encoded)


def test_sampled_clips_copy_their_first_frame_and_keep_to_the_vocabulary() -> None:
    model = load_video_model()
    (images, labels), _ = load_split()
    codes = encode_digits(images[:50], model.codec, GEOMETRY)
    vocabulary = model.vocabulary
    assert isinstance(vocabulary, PromptVocabulary)
    sampler = ClipSampler(codes, labels[:50], vocabulary, GEOMETRY, np.random.default_rng(0))
    batch, is_random = sampler.sample(clips=40, frames=4)
    assert batch.shape == (40, PROMPT_TOKENS + 4 * 64)
    assert (batch[:, 0] == vocabulary.begin_token).all()
    unconditional = (batch[:, 1:PROMPT_TOKENS] == vocabulary.null_token).all(axis=1)
    assert 0 < unconditional.sum() < 20
    null_digit = batch[:, 1] == vocabulary.null_token
    assert is_random.any()
    assert null_digit[is_random].all()
    frames = np.sort(batch[:, PROMPT_TOKENS:].reshape(40, 4, 64), axis=-1)
    assert (frames == frames[:, :1]).all()


def test_shipped_clips_are_made_by_the_code_that_documents_them() -> None:
    model = load_video_model(SHIPPED_MODEL)
    counts = {"calibration": NUM_CALIBRATION_CLIPS, "held_out": NUM_HELD_OUT_CLIPS}
    for seed, ((name, count), split) in enumerate(zip(counts.items(), load_split(), strict=True)):
        token_ids, prompts = make_clips(*split, model.codec, GEOMETRY, count, seed)
        clips = model.load_clips(name)
        assert np.array_equal(clips.token_ids, token_ids)
        rows = [astuple(prompt) for prompt in require_prompts(clips.prompts)]
        assert np.array_equal(rows, prompts)
