"""Clips of 32 x 32 grey pixels: cut from the films, and varied for training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Float32Array, Int64Array
from fastcar.reference.video.codec import PatchCodec
from fastcar.reference.video.geometry import VideoGeometry
from tools.real_video.films import Film, Films, split_at_cuts
from tools.real_video.sources import Source, Span

GEOMETRY = VideoGeometry(frames=16, canvas_pixels=32, patch_pixels=4)

PAN_SHARE = 0.1
"""Share of the training clips that pan over a still frame."""
MAX_PAN = 4
"""Fastest pan, pixels per frame along an axis."""
LIVELY_SHARE = 0.5
"""Share of the clips that are the liveliest of four candidates."""
REVERSED_SHARE = 0.3
"""Share of the clips that run backwards."""


def draw_clip(
    films: Films, source: Source, spans: tuple[Span, ...], frames: int, rng: np.random.Generator
) -> Film | None:
    """A clip at a random time, stride, scale, place and side; None where no span is long enough.

    Returns:
        [frames, 32, 32] uint8.
    """
    fits = [
        (start, stop, stride)
        for stride in source.strides
        for start, stop in spans
        if stop - start > (frames - 1) * stride
    ]
    if not fits:
        return None
    room = np.array([stop - start - (frames - 1) * stride for start, stop, stride in fits], float)
    start, stop, stride = fits[rng.choice(len(fits), p=room / room.sum())]
    film = films[source.name, source.heights[rng.integers(len(source.heights))]]
    time = rng.integers(start, stop - (frames - 1) * stride)
    top, left = (rng.integers(0, room + 1) for room in _room(film))
    size = GEOMETRY.canvas_pixels
    times = slice(time, time + (frames - 1) * stride + 1, stride)
    clip = film[times, top : top + size, left : left + size]
    return clip[:, :, ::-1] if rng.random() < 0.5 else clip


def draw_pan(film: Film, frames: int, time: int, rng: np.random.Generator) -> Film:
    """A clip that moves evenly over one frame of the film, at most `MAX_PAN` pixels per frame."""
    size = GEOMETRY.canvas_pixels
    corners = []
    for room in _room(film):
        fastest = min(MAX_PAN, room // (frames - 1))
        speed = rng.uniform(-fastest, fastest)
        start = rng.uniform(max(0, -speed * (frames - 1)), room - max(0, speed * (frames - 1)))
        corners.append(np.rint(start + speed * np.arange(frames)).astype(int))
    views = [film[time, y : y + size, x : x + size] for y, x in zip(*corners, strict=True)]
    return np.stack(views)


def _room(film: Film) -> tuple[int, int]:
    """Places of a crop along the height and the width, less one."""
    _, height, width = film.shape
    return height - GEOMETRY.canvas_pixels, width - GEOMETRY.canvas_pixels


class ClipSampler:
    """Training clips, in pixels.

    Args:
        films: of the sources.
        sources: that train; films with cuts are split there.
        rng: draws everything.
    """

    def __init__(self, films: Films, sources: tuple[Source, ...], rng: np.random.Generator) -> None:
        self._films, self._rng = films, rng
        self._sources = tuple(
            _without_cuts(films, source) if source.camera == "film" else source
            for source in sources
        )
        weights = np.array([source.weight for source in sources])
        self._shares = weights / weights.sum()

    def draw(self, frames: int) -> Float32Array:
        """One clip, [frames, 32, 32] in [0, 1]; half get another contrast and brightness."""
        rng = self._rng
        clip = None
        while clip is None:
            source = self._sources[rng.choice(len(self._sources), p=self._shares)]
            clip = (
                self._draw_pan(source, frames)
                if rng.random() < PAN_SHARE
                else self._draw(source, frames)
            )
        if rng.random() < REVERSED_SHARE:
            clip = clip[::-1]
        if rng.random() < 0.5:
            clip = clip.swapaxes(1, 2)
        pixels: Float32Array = clip.astype(np.float32) / np.float32(255)
        if rng.random() < 0.5:
            contrast, brightness = rng.uniform(0.7, 1.3), rng.uniform(-0.15, 0.15)
            pixels = np.clip((pixels - 0.5) * contrast + 0.5 + brightness, 0, 1).astype(np.float32)
        return pixels

    def sample(self, codec: PatchCodec, clips: int, frames: int) -> Int64Array:
        """Codes of clips, [clips, frames * N]."""
        pixels = np.stack([self.draw(frames) for _ in range(clips)])
        return codec.encode(pixels).reshape(clips, -1)

    def _draw(self, source: Source, frames: int) -> Film | None:
        count = 4 if self._rng.random() < LIVELY_SHARE else 1
        drawn = [
            draw_clip(self._films, source, source.train, frames, self._rng) for _ in range(count)
        ]
        clips = [clip for clip in drawn if clip is not None]
        return max(clips, key=measure_motion) if clips else None

    def _draw_pan(self, source: Source, frames: int) -> Film:
        rng = self._rng
        film = self._films[source.name, source.heights[rng.integers(len(source.heights))]]
        start, stop = source.train[rng.integers(len(source.train))]
        return draw_pan(film, frames, int(rng.integers(start, stop)), rng)


def _without_cuts(films: Films, source: Source) -> Source:
    film = films[source.name, source.heights[-1]]
    return replace(source, train=split_at_cuts(film, source.train))


def measure_motion(clip: NDArray[np.uint8]) -> float:
    """Mean change of a pixel from one frame to the next, of 255."""
    return float(np.abs(np.diff(clip.astype(np.int16), axis=0)).mean())
