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
    """Cosines and sines of every position; [max_position_embeddings, d / 2] each."""

    cos: FloatArray
    sin: FloatArray

    def rotate(self, x: FloatArray, positions: NDArray[np.int64]) -> FloatArray:
        """Turn pair (i, i + d / 2) of every head by the angle of its position.

        Args:
            x: [..., heads, d], queries or keys.
            positions: [...] int64 in [0, max_position_embeddings), one per token.

        Returns:
            [..., heads, d]. Norms are kept; <rotate(q, m), rotate(k, n)> depends on m - n
            alone.
        """
        cos = self.cos[positions][..., None, :]  # [..., 1, d / 2]
        sin = self.sin[positions][..., None, :]
        half = x.shape[-1] // 2
        first, second = x[..., :half], x[..., half:]
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def make_rotary_table(config: ModelConfig, dtype: np.dtype[np.floating[Any]]) -> RotaryTable:
    """Angles position * rope_theta^(-2 i / d), computed in float64 and rounded once to `dtype`."""
    exponents = np.arange(0, config.head_dim, 2) / config.head_dim
    frequencies = config.rope_theta**-exponents  # [d / 2]
    angles = np.outer(np.arange(config.max_position_embeddings), frequencies)
    return RotaryTable(np.cos(angles).astype(dtype), np.sin(angles).astype(dtype))
