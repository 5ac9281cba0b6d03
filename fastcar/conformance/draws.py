"""Numbers that every NumPy draws alike: raw words of PCG64, whose stream NumPy keeps for good."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Int64Array


class Draws:
    """A stream of numbers.

    Args:
        seed: of PCG64.
    """

    def __init__(self, seed: int) -> None:
        self._words = np.random.PCG64(seed)

    def draw_integers(self, low: int, high: int, shape: tuple[int, ...]) -> Int64Array:
        """int64 in [low, high); the range is far below 2^31."""
        words = self._words.random_raw(int(np.prod(shape))) >> np.uint64(32)
        drawn: Int64Array = (words % np.uint64(high - low)).astype(np.int64) + low
        return drawn.reshape(shape)

    def draw_uniform(self, low: float, high: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """float32 in [low, high], steps of 2^-16 of the range, each rounded once."""
        steps = self.draw_integers(0, 1 << 16, shape).astype(np.float64)
        return (low + (high - low) * (steps / (1 << 16))).astype(np.float32)

    def draw_matrix(self, rows: int, columns: int) -> NDArray[np.float32]:
        """[rows, columns] float32 of variance 1 / columns, so that products keep their scale."""
        limit = float(np.sqrt(3.0 / columns))
        return self.draw_uniform(-limit, limit, (rows, columns))
