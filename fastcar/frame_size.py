"""Frames large enough to be compared; apart from `fastcar.metrics`, whose import is long."""

from __future__ import annotations

from fastcar.reference.errors import ArgumentError

SSIM_WINDOW_PIXELS = 7
"""Side of the window over which SSIM takes its statistics."""


def check_frame_size(height: int, width: int) -> None:
    """Raise ArgumentError for frames that are too small for the window of SSIM."""
    if min(height, width) < SSIM_WINDOW_PIXELS:
        raise ArgumentError("frame size", (height, width), f"at least {SSIM_WINDOW_PIXELS} pixels")
