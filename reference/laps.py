"""Where the time goes: each lap adds the time since the last one to a named part."""

from __future__ import annotations

import time

PARTS = ("attention", "mlp", "score", "other")
"""Parts of a decode step."""


class Laps:
    """A stopwatch with named parts.

    Attributes:
        seconds: time of each part of `PARTS` so far.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._last = time.perf_counter()

    def start(self) -> None:
        """Begin here; time since the last lap belongs to no part."""
        self._last = time.perf_counter()

    def mark(self, part: str) -> None:
        """Add the time since the last mark to a part."""
        now = time.perf_counter()
        self.seconds[part] += now - self._last
        self._last = now
