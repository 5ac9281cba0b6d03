"""Quality: PSNR and SSIM of frames, likelihood and top-1 of a teacher-forced run.

Teacher-forced likelihood and top-1 are the stable measures; free-running PSNR is chaotic, because
one wrong token changes the rest of the video.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.frame_size import SSIM_WINDOW_PIXELS, check_frame_size
from fastcar.reference.errors import ArgumentError

Pixels = NDArray[np.floating]
Values = NDArray[np.float64]

PSNR_CAP_DECIBELS = 100.0
"""Stands for an infinite PSNR (identical frames) in reports and means, which must be finite."""

FIRST_SCORED_FRAME = 2
"""Two frames show what moves and how, so the third is the first whose content is determined."""


def compute_psnr(frames: Pixels, truth: Pixels) -> Values:
    """Peak signal-to-noise ratio of every frame, peak 1.

    Args:
        frames: [..., H, W] in [0, 1].
        truth: same shape.

    Returns:
        [...] float64, decibels; inf for identical frames (`cap_psnr` for reports).

    >>> compute_psnr(np.full((1, 8, 8), 0.1), np.zeros((1, 8, 8))).round(6).tolist()
    [20.0]
    """
    _check_shapes(frames, truth)
    error = (frames.astype(np.float64) - truth) ** 2
    mean_error = error.mean(axis=(-2, -1))
    with np.errstate(divide="ignore"):
        decibels: Values = np.asarray(-10 * np.log10(mean_error))
    return decibels


def cap_psnr(decibels: Values) -> Values:
    """PSNR for reports and means: at most `PSNR_CAP_DECIBELS`, so that JSON has a number.

    >>> cap_psnr(np.array([20.0, np.inf])).tolist()
    [20.0, 100.0]
    """
    capped: Values = np.minimum(decibels, PSNR_CAP_DECIBELS)
    return capped


def compute_ssim(frames: Pixels, truth: Pixels) -> Values:
    """Structural similarity of every frame (scikit-image, uniform window, range 1).

    Args:
        frames: [..., H, W] in [0, 1], H and W at least `SSIM_WINDOW_PIXELS`.
        truth: same shape.

    Returns:
        [...] float64 in [-1, 1]; 1 for identical frames.
    """
    _check_shapes(frames, truth)
    height, width = frames.shape[-2:]
    check_frame_size(height, width)
    # brings SciPy, which takes longer to import than all the rest of a short run
    from skimage.metrics import structural_similarity

    pairs = zip(frames.reshape(-1, height, width), truth.reshape(-1, height, width), strict=True)
    values = [
        structural_similarity(  # type: ignore[no-untyped-call]
            frame.astype(np.float64),
            true.astype(np.float64),
            data_range=1.0,
            win_size=SSIM_WINDOW_PIXELS,
        )
        for frame, true in pairs
    ]
    return np.array(values, np.float64).reshape(frames.shape[:-2])


@dataclass(frozen=True)
class Quality:
    """Teacher-forced quality, one entry per clip.

    Attributes:
        nats: [clips] float64, mean -log likelihood per token.
        top_1: [clips] float64, share of tokens that were the most likely code, in [0, 1].
        num_tokens: tokens of each clip that were counted.
    """

    nats: Values
    top_1: Values
    num_tokens: int

    @property
    def mean_nats(self) -> float:
        """Nats per token over all clips."""
        return float(self.nats.mean())

    @property
    def mean_top_1(self) -> float:
        """Top-1 over all clips, in [0, 1]."""
        return float(self.top_1.mean())


def compute_quality(
    nats: Values,
    top_1: NDArray[np.bool_],
    tokens_per_frame: int,
    first_frame: int = FIRST_SCORED_FRAME,
) -> Quality:
    """Quality from the given frame on.

    Args:
        nats: [tokens, clips], as in `DecodeResult`.
        top_1: [tokens, clips].
        tokens_per_frame: N.
        first_frame: index of the first frame that counts.

    >>> compute_quality(np.array([[9.0], [9.0], [0.5]]), np.ones((3, 1), bool), 1).mean_nats
    0.5
    """
    start = first_frame * tokens_per_frame
    if start >= len(nats):
        limit = f"at least {first_frame + 1} frames of {tokens_per_frame}"
        raise ArgumentError("tokens to score", len(nats), limit)
    return Quality(nats[start:].mean(axis=0), top_1[start:].mean(axis=0), len(nats) - start)


def compute_standard_error(values: Values) -> float:
    """Standard error of the mean across clips; 0 for a single clip, which has no spread."""
    if len(values) < 2:
        return 0.0
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _check_shapes(frames: Pixels, truth: Pixels) -> None:
    if frames.shape != truth.shape or frames.ndim < 2:
        raise ArgumentError("frames shape", frames.shape, f"{truth.shape}, at least [H, W]")
