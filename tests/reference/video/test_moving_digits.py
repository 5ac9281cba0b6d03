from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.moving_digits import (
    VELOCITIES,
    Motion,
    compute_path,
    enlarge,
    render_clip,
)
from fastcar.reference.video.prompt import DIRECTIONS

GEOMETRY = VideoGeometry(frames=6, canvas_pixels=20, patch_pixels=4, digit_pixels=8)


def walk(start: int, velocity: int, frames: int, positions: int) -> list[int]:
    """Naive model: step, and turn round where the next step would leave the canvas."""
    path = [start]
    while len(path) < frames:
        if not 0 <= path[-1] + velocity < positions:
            velocity = -velocity
        path.append(path[-1] + velocity)
    return path


@given(
    positions=st.integers(2, 9),
    velocity=st.sampled_from(VELOCITIES),
    frames=st.integers(1, 40),
    draw=st.data(),
)
def test_path_equals_a_walk_that_turns_at_the_walls(
    positions: int, velocity: int, frames: int, draw: st.DataObject
) -> None:
    start = draw.draw(st.integers(0, positions - 1))
    path = compute_path(start, velocity, frames, positions)
    assert path.tolist() == walk(start, velocity, frames, positions)


def test_a_single_place_leaves_nowhere_to_go() -> None:
    assert compute_path(0, 1, 3, 1).tolist() == [0, 0, 0]


@pytest.mark.parametrize("start", [-1, 5])
def test_start_outside_the_canvas_is_refused(start: int) -> None:
    with pytest.raises(ArgumentError, match=rf"^start = {start}: must be at least 0 and below 5$"):
        compute_path(start, 1, 3, 5)


@pytest.mark.parametrize(
    ("motion", "text"),
    [
        ((0, 0, 2, 0), r"^velocity_x = 2: must be one of \(-1, 0, 1\)$"),
        ((0, 0, 0, 0), r"^velocity = \(0, 0\): must be different from \(0, 0\)$"),
    ],
)
def test_bad_velocity_is_refused(motion: tuple[int, int, int, int], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        Motion(*motion)


def test_enlarging_keeps_constants_and_linear_ramps() -> None:
    assert np.allclose(enlarge(np.full((8, 8), 0.7), 16), 0.7)
    ramp = np.tile(np.arange(8.0), (8, 1))
    inner = enlarge(ramp, 16)[0, 1:-1]
    assert np.allclose(np.diff(inner), 0.5)


@given(
    velocity=st.sampled_from(list(DIRECTIONS.values())), start=st.tuples(*[st.integers(0, 3)] * 2)
)
def test_every_frame_shows_the_same_digit_elsewhere(
    velocity: tuple[int, int], start: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).random((8, 8))
    clip = render_clip(image, Motion(*start, *velocity), GEOMETRY)
    digit = enlarge(image, 8)
    path_x = walk(start[0], velocity[0], 6, 4)
    path_y = walk(start[1], velocity[1], 6, 4)
    for frame, (x, y) in enumerate(zip(path_x, path_y, strict=True)):
        assert np.array_equal(clip[frame, 4 * y : 4 * y + 8, 4 * x : 4 * x + 8], digit)
        assert np.isclose(clip[frame].sum(), digit.sum(), rtol=1e-5)
