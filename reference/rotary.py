"""Rotary position embedding, half-split convention of Hugging Face Llama."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray
from fastcar.reference.config import ModelConfig


@dataclass(frozen=True)
class RotaryTable:
    """Cosines and sines of the positions that a run reaches; [positions, d / 2] each."""

    cos: FloatArray
    sin: FloatArray

    def rotate(self, x: FloatArray, positions: NDArray[np.int64]) -> FloatArray:
        """Turn pair (i, i + d / 2) of every head by the angle of its position.

        Args:
            x: [..., heads, d], queries or keys.
            positions: [...] int64 below the rows of the table, one per token.

        Returns:
            [..., heads, d]. Norms are kept; <rotate(q, m), rotate(k, n)> depends on m - n
            alone.
        """
        cos = self.cos[positions][..., None, :]  # [..., 1, d / 2]
        sin = self.sin[positions][..., None, :]
        half = x.shape[-1] // 2
        first, second = x[..., :half], x[..., half:]
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def compute_frequencies(config: ModelConfig) -> NDArray[np.float64]:
    """rope_theta^(-2 i / d), radians per position of every pair i; [d / 2]."""
    exponents = np.arange(0, config.head_dim, 2) / config.head_dim
    frequencies: NDArray[np.float64] = config.rope_theta**-exponents
    return frequencies


def make_rotary_table(
    config: ModelConfig, dtype: np.dtype[np.floating[Any]], num_positions: int
) -> RotaryTable:
    """Angles position * frequency, computed in float64; cosines and sines rounded once to `dtype`.

    Args:
        config: sizes.
        dtype: of the table.
        num_positions: rows; those that a run can reach, because `max_position_embeddings` is a
            claim of a file that may be any number. A longer table begins with the same bits.
    """
    angles = np.outer(np.arange(num_positions), compute_frequencies(config))
    return RotaryTable(np.cos(angles).astype(dtype), np.sin(angles).astype(dtype))
