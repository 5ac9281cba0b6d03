from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastcar.reference.arrays import Float32Array
from fastcar.reference.video.codec import PatchCodec
from fastcar.reference.video.model import VideoModel
from tools.moving_digits.digit_images import LabelledImages
from tools.moving_digits.evaluate import (
    Requirement,
    compute_path_shares,
    evaluate_codec,
    format_requirements,
    get_requirements,
    is_on_path,
)


@pytest.fixture(scope="module")
def truth(shipped: VideoModel) -> Float32Array:
    """True clips as the codec shows them, [clips, 16, H, W]."""
    return shipped.render(shipped.load_clips("held_out").token_ids[:, : 16 * 64])


def test_the_truth_is_on_its_own_path(truth: Float32Array) -> None:
    assert is_on_path(truth, truth).all()


def test_what_left_the_path_is_caught(truth: Float32Array) -> None:
    black = np.zeros_like(truth)
    beside = np.roll(truth, 4, axis=-1)
    late = np.roll(truth, 1, axis=1)
    other = np.roll(truth, 1, axis=0)
    for planted in (black, beside, late, other):
        assert is_on_path(planted, truth).mean() < 0.02


def test_the_limit_is_twenty_decibels() -> None:
    truth = np.full((3, 8, 8), 0.5, np.float32)
    errors = np.array([0.0999, 0.1, 0.1001])
    assert is_on_path(truth + errors[:, None, None], truth).tolist() == [True, True, False]


def test_shares_of_frames_and_of_clips() -> None:
    on_path = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], bool)
    shares = compute_path_shares(on_path)
    assert shares["on_path_share"] == pytest.approx(8 / 12)
    assert shares["on_path_to_the_end_share"] == pytest.approx(1 / 3)
    assert shares["on_path_in_last_frame_share"] == pytest.approx(2 / 3)
    assert shares["on_path_share_by_frame"] == pytest.approx([2 / 3, 1, 1 / 3, 2 / 3], abs=1e-4)


def test_the_codec_is_measured_on_the_digit_alone(
    shipped: VideoModel, held_out: LabelledImages
) -> None:
    images = held_out[0][:30]
    good = evaluate_codec(shipped, images)
    assert 20 < good["worst_psnr_db"] <= good["psnr_db"] < 40
    half_black = PatchCodec(shipped.codec.codebook.copy())
    half_black.codebook[::2] = 0
    bad = evaluate_codec(replace(shipped, codec=half_black), images)
    assert bad["psnr_db"] < good["psnr_db"] - 1


@pytest.mark.parametrize(
    ("value", "is_ceiling", "is_met"),
    [(0.5, False, True), (0.49, False, False), (0.5, True, True), (0.51, True, False)],
)
def test_floors_and_ceilings(value: float, is_ceiling: bool, is_met: bool) -> None:
    assert Requirement("x", value, 0.5, is_ceiling).is_met is is_met


def make_results(nats: float, top_1: float, on_path: float, right: float) -> dict[str, object]:
    """Results with the numbers that are held to a limit."""
    return {
        "teacher_forced": {"from_third_frame": {"nats_per_token": nats, "top_1": top_1}},
        "free_running": {"16_frames": {"on_path_share": on_path}},
        "prompted": {"right_throughout_share": right},
    }


def test_each_number_is_held_to_its_own_limit() -> None:
    good = (0.02, 0.995, 0.6, 0.9)
    worse = (0.0201, 0.9949, 0.59, 0.89)
    assert all(verdict.is_met for verdict in get_requirements(make_results(*good)))
    for index in range(4):
        planted = list(good)
        planted[index] = worse[index]
        met = [verdict.is_met for verdict in get_requirements(make_results(*planted))]
        assert met == [place != index for place in range(4)]


def test_a_miss_is_not_rounded_into_a_hit() -> None:
    table = format_requirements(make_results(0.02, 0.99494, 0.6, 0.9))
    line = next(line for line in table.splitlines() if "top-1" in line)
    assert "99.49%" in line
    assert line.endswith("no |")
