"""Clips come from the spans they should, and stay within the picture."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tools.real_video.clip_sampler import MAX_PAN, ClipSampler, draw_clip, draw_pan, measure_motion
from tools.real_video.films import Films
from tools.real_video.sources import SOURCES

SOURCE = replace(SOURCES[0], heights=(36, 48), strides=(1, 2, 3), train=((4, 12), (20, 60)))
"""A clip of 60 frames at two scales."""


def make_films() -> Films:
    """Every pixel of a frame says which frame it is."""
    shape = {height: (80, height, height + 8) for height in SOURCE.heights}
    return {
        (SOURCE.name, height): np.broadcast_to(np.arange(80, dtype=np.uint8)[:, None, None], size)
        for height, size in shape.items()
    }


@given(st.integers(0, 2**32), st.integers(1, 14))
def test_a_clip_lies_within_one_span(seed: int, frames: int) -> None:
    clip = draw_clip(make_films(), SOURCE, SOURCE.train, frames, np.random.default_rng(seed))
    assert clip is not None
    assert clip.shape == (frames, 32, 32)
    times = clip[:, 0, 0].astype(int)
    assert any(start <= times[0] and times[-1] < stop for start, stop in SOURCE.train)
    assert set(np.diff(times)) <= set(SOURCE.strides)
    assert len(set(np.diff(times))) <= 1


def test_every_end_of_a_span_is_reached() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_clip(make_films(), SOURCE, ((4, 12),), 8, rng) for _ in range(8)]
    assert all(clip is not None and clip[[0, -1], 0, 0].tolist() == [4, 11] for clip in drawn)
    assert draw_clip(make_films(), SOURCE, ((4, 12),), 9, rng) is None


@given(st.integers(0, 2**32), st.integers(2, 16))
def test_a_pan_moves_evenly_within_the_picture(seed: int, frames: int) -> None:
    film = np.arange(40 * 100, dtype=np.uint32).reshape(1, 40, 100)
    pan = draw_pan(film, frames, 0, np.random.default_rng(seed))  # type: ignore[arg-type]
    assert pan.shape == (frames, 32, 32)
    corners = np.stack(np.divmod(pan[:, 0, 0].astype(int), 100), axis=1)
    steps = np.diff(corners, axis=0)
    assert np.abs(steps).max(initial=0) <= MAX_PAN
    assert (np.ptp(steps, axis=0) <= 1).all()


def test_training_clips_are_pictures() -> None:
    films = {
        (SOURCE.name, height): np.random.default_rng(height).integers(
            0, 256, (80, height, height), np.uint8
        )
        for height in SOURCE.heights
    }
    sampler = ClipSampler(films, (SOURCE,), np.random.default_rng(0))
    clips = np.stack([sampler.draw(5) for _ in range(40)])
    assert clips.shape == (40, 5, 32, 32)
    assert clips.dtype == np.float32
    assert clips.min() >= 0
    assert clips.max() <= 1


def test_motion() -> None:
    clip = np.array([[[0]], [[10]], [[0]]], np.uint8)
    assert measure_motion(clip) == 10
