"""Films as grey frames at several scales, and the spans without a cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tools.real_video.sources import Span

Film = NDArray[np.uint8]
"""[frames, height, width], 0 is black."""

Films = dict[tuple[str, int], Film]
"""By name of the source and height."""

CUT = 12.0
"""Mean change of a pixel between frames, of 255, above which a film may be cut there."""
SUDDEN = 3.0
"""How often a change at a cut exceeds the median of the changes around it."""
AROUND = 4
"""Changes looked at before and after."""
DULL = 8.0
"""Standard deviation of a frame's pixels, of 255, below which it shows nothing (titles, fades)."""


def split_at_cuts(film: Film, spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """The spans without cuts and dull frames: no clip may cross one.

    >>> film = np.zeros((6, 2, 2), np.uint8)
    >>> film[:, 0] = 100
    >>> film[3:] = 200 - film[3:]
    >>> split_at_cuts(film, ((0, 6),))
    ((0, 3), (3, 6))
    """
    change = np.abs(np.diff(film.astype(np.int16), axis=0)).mean(axis=(1, 2))
    padded = np.pad(change, AROUND, mode="reflect")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1), axis=-1)
    is_dull = film.std(axis=(1, 2)) < DULL
    is_edge = (change > CUT) & (change > SUDDEN * usual) | (is_dull[1:] != is_dull[:-1])
    parts = []
    for start, stop in spans:
        edges = start + 1 + np.flatnonzero(is_edge[start : stop - 1])
        bounds = [start, *edges.tolist(), stop]
        parts += [part for part in pairwise(bounds) if not is_dull[part[0]]]
    return tuple(parts)
