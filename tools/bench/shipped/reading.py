"""How fast one core reads a buffer of a given size, again and again."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from tools.bench.shipped.turn import Answer, run_timed

PASSES = 64
"""Of one turn; the fastest counts."""


@numba.njit(nogil=True)
def _sum(block: NDArray[np.int64]) -> int:
    total = 0
    for index in range(block.size):
        total += block[index]
    return total


class Reader:
    """Holds a buffer.

    Args:
        num_bytes: of the buffer, rounded down to whole int64.
    """

    def __init__(self, num_bytes: int) -> None:
        self._block = np.ones(max(1, num_bytes // 8), np.int64)
        _sum(self._block)

    def read(self) -> Answer:
        """Bytes per second of the fastest pass on one thread, by both clocks."""
        passes = [run_timed(lambda: _sum(self._block))[1] for _ in range(PASSES)]
        return {
            name: self._block.nbytes / min(answer[name] for answer in passes)
            for name in ("cpu", "clock")
        }
