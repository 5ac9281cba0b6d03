"""Metrics against closed forms and planted errors."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.metrics import (
    PSNR_CAP_DECIBELS,
    cap_psnr,
    compute_psnr,
    compute_quality,
    compute_ssim,
    compute_standard_error,
)
from fastcar.reference.errors import ArgumentError


def test_psnr_of_known_noise() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.2, 0.8, (3, 200, 200))
    deviations = np.array([0.1, 0.01, 0.001])
    noise = rng.standard_normal(truth.shape) * deviations[:, None, None]
    assert compute_psnr(truth + noise, truth) == pytest.approx([20, 40, 60], abs=0.1)


def test_psnr_counts_one_wrong_pixel() -> None:
    frame = np.zeros((10, 10), np.float32)
    frame[3, 4] = 1
    assert compute_psnr(frame, np.zeros_like(frame)) == pytest.approx(20)


def test_identical_frames_are_infinite_and_capped_in_reports() -> None:
    frames = np.ones((2, 8, 8), np.float32)
    assert np.isposinf(compute_psnr(frames, frames)).all()
    assert cap_psnr(compute_psnr(frames, frames)).tolist() == [PSNR_CAP_DECIBELS] * 2


def test_ssim_is_one_for_identical_frames_only() -> None:
    rng = np.random.default_rng(1)
    truth = rng.uniform(0, 1, (2, 2, 16, 16))
    noisy = truth.copy()
    noisy[1, 1] = rng.uniform(0, 1, (16, 16))
    ssim = compute_ssim(noisy, truth)
    assert ssim.shape == (2, 2)
    assert ssim[0] == pytest.approx(1)
    assert ssim[1, 0] == pytest.approx(1)
    assert abs(ssim[1, 1]) < 0.3


@pytest.mark.parametrize("metric", [compute_psnr, compute_ssim])
def test_shapes_must_agree(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(ArgumentError, match=r"^frames shape = \(8, 8\): must be \(9, 8\)"):
        metric(np.zeros((8, 8)), np.zeros((9, 8)))


def test_ssim_refuses_frames_smaller_than_its_window() -> None:
    with pytest.raises(ArgumentError, match=r"^frame size = \(6, 8\): must be at least 7 pixels"):
        compute_ssim(np.zeros((6, 8)), np.zeros((6, 8)))


def test_quality_starts_at_the_third_frame() -> None:
    nats = np.repeat([[100.0], [100.0], [1.0], [3.0]], 2, axis=0)  # 4 frames of 2 tokens, 1 clip
    top_1 = np.repeat([[False], [False], [True], [False]], 2, axis=0)
    quality = compute_quality(nats, top_1, tokens_per_frame=2)
    assert (quality.mean_nats, quality.mean_top_1, quality.num_tokens) == (2.0, 0.5, 4)


def test_quality_keeps_clips_apart() -> None:
    nats = np.tile([1.0, 5.0], (3, 1))
    quality = compute_quality(nats, np.tile([True, False], (3, 1)), tokens_per_frame=1)
    assert quality.nats.tolist() == [1, 5]
    assert quality.top_1.tolist() == [1, 0]


def test_quality_needs_a_third_frame() -> None:
    with pytest.raises(ArgumentError, match=r"^tokens to score = 4: must be at least 3 frames"):
        compute_quality(np.zeros((4, 1)), np.zeros((4, 1), bool), tokens_per_frame=2)


def test_standard_error() -> None:
    assert compute_standard_error(np.array([1.0, 3.0])) == pytest.approx(1)
    assert compute_standard_error(np.array([1.0])) == 0
