from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.arrays import Float32Array
from fastcar.reference.video.moving_digits import Motion, compute_path, render_clip
from fastcar.reference.video.prompt import Prompt
from tools.moving_digits.clip_sampler import GEOMETRY
from tools.moving_digits.digit_images import LabelledImages
from tools.moving_digits.digit_recognition import (
    NO_DIGIT,
    DigitClassifier,
    compute_motion_matches,
    find_windows,
    place_on_canvas,
)

PLACES = GEOMETRY.positions_per_axis


def put(image: Float32Array, place_x: int, place_y: int) -> Float32Array:
    """One frame [1, H, W] with a digit in a place."""
    return render_clip(image, Motion(place_x, place_y, 1, 0), GEOMETRY, frames=1)


def test_a_digit_is_found_in_every_place_and_looks_the_same_there(held_out: LabelledImages) -> None:
    for image in held_out[0][:20]:
        first = find_windows(put(image, 0, 0), GEOMETRY)
        for place_x in range(PLACES):
            for place_y in range(PLACES):
                found = find_windows(put(image, place_x, place_y), GEOMETRY)
                assert (found.places - first.places).tolist() == [[place_x, place_y]]
                np.testing.assert_allclose(found.images, first.images, atol=1e-6)


def test_the_window_of_a_full_square_is_the_square() -> None:
    found = find_windows(put(np.ones((8, 8), np.float32), 3, 1), GEOMETRY)
    assert found.places.tolist() == [[3, 1]]
    assert found.images.tolist() == np.ones((1, 8, 8)).tolist()
    assert found.masses.tolist() == [256]
    assert found.outside_shares.tolist() == [0]


def test_brightness_outside_is_measured() -> None:
    frame = put(np.ones((8, 8), np.float32), 0, 0)
    frame[0, -4:, -4:] = 1
    assert find_windows(frame, GEOMETRY).outside_shares == pytest.approx([16 / 272])


def test_real_digits_are_recognised(classifier: DigitClassifier, held_out: LabelledImages) -> None:
    images, labels = held_out
    digits, _ = classifier.classify(place_on_canvas(images, GEOMETRY))
    assert (digits == labels).mean() > 0.96
    assert (digits != NO_DIGIT).all()


def test_leading_axes_are_kept(classifier: DigitClassifier, held_out: LabelledImages) -> None:
    frames = place_on_canvas(held_out[0][:6], GEOMETRY)
    digits, places = classifier.classify(frames.reshape(2, 3, *frames.shape[1:]))
    assert digits.shape == (2, 3)
    assert places.shape == (2, 3, 2)
    assert digits.reshape(-1).tolist() == classifier.classify(frames)[0].tolist()


def test_what_is_no_single_clear_digit_is_none(
    classifier: DigitClassifier, held_out: LabelledImages
) -> None:
    images, labels = held_out
    eight = images[int(np.flatnonzero(labels == 8)[0])]
    whole = put(eight, 0, 0)
    assert classifier.classify(whole)[0].tolist() == [8]
    black = np.zeros_like(whole)
    twice = np.maximum(whole, put(eight, PLACES - 1, PLACES - 1))
    noise = np.random.default_rng(0).uniform(size=whole.shape).astype(np.float32)
    stray = whole.copy()
    stray[0, -8:, -4:] = 1
    for frame in (black, whole * 0.1, twice, noise, stray):
        assert classifier.classify(frame)[0].tolist() == [NO_DIGIT]


@pytest.mark.parametrize("start", range(PLACES))
@pytest.mark.parametrize("window_offset", [-1, 0, 1])
def test_true_motion_matches_walls_included(start: int, window_offset: int) -> None:
    path_x, path_y = compute_path(start, 1, 12, PLACES), compute_path(2, -1, 12, PLACES)
    places = np.stack([path_x + window_offset, path_y], axis=1)
    assert compute_motion_matches(places, Prompt(0, 1, -1), GEOMETRY).tolist() == [True] * 11


def test_wrong_motion_is_caught() -> None:
    truth = np.stack([compute_path(0, 1, 9, PLACES), compute_path(2, 0, 9, PLACES)], axis=1)
    prompt = Prompt(0, 1, 0)
    assert compute_motion_matches(truth, prompt, GEOMETRY).all()
    assert not compute_motion_matches(np.repeat(truth[:1], 9, axis=0), prompt, GEOMETRY).any()
    assert not compute_motion_matches(truth, Prompt(0, 0, 1), GEOMETRY).any()
    # from the wall both directions look alike, from the middle they do not
    inner = np.stack([compute_path(2, 1, 9, PLACES), compute_path(2, 0, 9, PLACES)], axis=1)
    assert compute_motion_matches(inner, Prompt(0, 1, 0, 2, 2), GEOMETRY).all()
    assert not compute_motion_matches(inner, Prompt(0, -1, 0, 2, 2), GEOMETRY)[:2].any()
    through_the_wall = truth.copy()
    through_the_wall[:, 0] = np.arange(9)
    matches = compute_motion_matches(through_the_wall, prompt, GEOMETRY)
    assert matches.tolist() == [True] * 4 + [False] * 4
    elsewhere = Prompt(0, 1, 0, start_x=3, start_y=2)
    assert not compute_motion_matches(truth, elsewhere, GEOMETRY).all()
    jump = truth.copy()
    jump[5:, 1] += 1
    assert compute_motion_matches(jump, prompt, GEOMETRY).tolist() == [True] * 4 + [
        False,
        True,
        True,
        True,
    ]
