"""Moving digits: a small image moves over a black canvas with constant velocity and bounces.

The motion is deterministic, so after two frames the true continuation is known. Positions and
velocities are whole patches (D-11), so every frame shows the same patches at another place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Float32Array, Int64Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.geometry import VideoGeometry

VELOCITIES = (-1, 0, 1)
"""Velocities along one axis, patches per frame."""


@dataclass(frozen=True)
class Motion:
    """Start and velocity of a digit, in patches and patches per frame; x is the column, y the row.

    A digit stands still along an axis of velocity 0; (0, 0) is refused because it would not move.
    """

    start_x: int
    start_y: int
    velocity_x: int
    velocity_y: int

    def __post_init__(self) -> None:
        for name in ("velocity_x", "velocity_y"):
            if getattr(self, name) not in VELOCITIES:
                raise ArgumentError(name, getattr(self, name), f"one of {VELOCITIES}")
        if self.velocity_x == 0 and self.velocity_y == 0:
            raise ArgumentError("velocity", (0, 0), "different from (0, 0)")


def compute_path(start: int, velocity: int, frames: int, positions: int) -> Int64Array:
    """Positions of one axis over time: constant velocity, reflected at both walls.

    Args:
        start: position in the first frame, 0 <= start < positions.
        velocity: patches per frame in the first step.
        frames: number of frames T.
        positions: number of places along the axis.

    Returns:
        [T] int64, each in [0, positions).

    >>> compute_path(start=3, velocity=1, frames=6, positions=5).tolist()
    [3, 4, 3, 2, 1, 0]
    """
    if not 0 <= start < positions:
        raise ArgumentError("start", start, f"at least 0 and below {positions}")
    if positions == 1:
        return np.zeros(frames, dtype=np.int64)
    span = positions - 1
    unfolded = (start + velocity * np.arange(frames)) % (2 * span)
    return np.where(unfolded > span, 2 * span - unfolded, unfolded).astype(np.int64)


def enlarge(image: NDArray[np.floating], size_pixels: int) -> Float32Array:
    """Enlarge a square image bilinearly, sample centres aligned, edges repeated.

    Args:
        image: [S, S], values in [0, 1].
        size_pixels: side of the result.

    Returns:
        [size_pixels, size_pixels] float32 in [0, 1].
    """
    source_pixels = image.shape[0]
    centre = (np.arange(size_pixels) + 0.5) * source_pixels / size_pixels - 0.5
    centre = np.clip(centre, 0, source_pixels - 1)
    low = np.floor(centre).astype(np.int64)
    high = np.minimum(low + 1, source_pixels - 1)
    share = centre - low
    weights = np.zeros((size_pixels, source_pixels))
    weights[np.arange(size_pixels), low] += 1 - share
    weights[np.arange(size_pixels), high] += share
    return (weights @ image @ weights.T).astype(np.float32)


def render_clip(
    image: NDArray[np.floating], motion: Motion, geometry: VideoGeometry, frames: int | None = None
) -> Float32Array:
    """Draw a clip of one digit.

    Args:
        image: [S, S] digit, values in [0, 1]; enlarged to `geometry.digit_pixels`.
        motion: where it starts and how it moves.
        geometry: sizes.
        frames: number of frames T; the geometry's own by default.

    Returns:
        [T, H, W] float32 in [0, 1].

    Raises:
        ArgumentError: sizes without a digit.
    """
    num_frames = geometry.frames if frames is None else frames
    side = geometry.get_digit_pixels()
    digit = enlarge(image, side)
    places = geometry.positions_per_axis
    path_x = compute_path(motion.start_x, motion.velocity_x, num_frames, places)
    path_y = compute_path(motion.start_y, motion.velocity_y, num_frames, places)
    clip = np.zeros((num_frames, geometry.canvas_pixels, geometry.canvas_pixels), np.float32)
    for frame in range(num_frames):
        top = path_y[frame] * geometry.patch_pixels
        left = path_x[frame] * geometry.patch_pixels
        clip[frame, top : top + side, left : left + side] = digit
    return clip
