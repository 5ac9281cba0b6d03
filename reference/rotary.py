"""Rotary position embedding, half-split convention of Hugging Face Llama."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.rope_scaling import LinearScaling, Llama3Scaling, YarnScaling

_SMALLEST_RAMP = 0.001
"""Width of a ramp that would have none, in pairs; as in transformers."""


@dataclass(frozen=True)
class RotaryTable:
    """Cosines and sines of the positions that a run reaches; [positions, d / 2] each.

    Both are multiplied by the attention factor of the scaling, so the factor needs no code of its
    own in attention, in the score, in kernels or on wires.
    """

    cos: FloatArray
    sin: FloatArray

    def rotate(self, x: FloatArray, positions: NDArray[np.int64]) -> FloatArray:
        """Turn pair (i, i + d / 2) of every head by the angle of its position.

        Args:
            x: [..., heads, d], queries or keys.
            positions: [...] int64 below the rows of the table, one per token.

        Returns:
            [..., heads, d]. Norms are multiplied by the attention factor, 1 without YaRN;
            <rotate(q, m), rotate(k, n)> depends on m - n alone.
        """
        cos = self.cos[positions][..., None, :]  # [..., 1, d / 2]
        sin = self.sin[positions][..., None, :]
        half = x.shape[-1] // 2
        first, second = x[..., :half], x[..., half:]
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def compute_frequencies(config: ModelConfig) -> NDArray[np.float64]:
    """Radians per position of every pair: rope_theta^(-2 i / d), scaled; [d / 2].

    Equal to those of Hugging Face transformers, which computes them in float32 (D-34).
    """
    exponents = np.arange(0, config.head_dim, 2) / config.head_dim
    frequencies: NDArray[np.float64] = config.rope_theta**-exponents
    match config.rope_scaling:
        case LinearScaling() as linear:
            return frequencies / linear.factor
        case Llama3Scaling() as llama3:
            kept = _compute_llama3_shares(frequencies, llama3)
        case YarnScaling() as yarn:
            kept = _compute_yarn_shares(config, yarn)
        case _:
            # dynamic: as trained up to the position limit, which no run exceeds
            return frequencies
    return frequencies * (kept + (1 - kept) / config.rope_scaling.factor)


def get_attention_factor(config: ModelConfig) -> float:
    """What queries and keys are multiplied by as they turn; 1 but for YaRN."""
    scaling = config.rope_scaling
    return scaling.attention_factor if isinstance(scaling, YarnScaling) else 1.0


def _compute_llama3_shares(
    frequencies: NDArray[np.float64], scaling: Llama3Scaling
) -> NDArray[np.float64]:
    """Share of every frequency that is kept, [d / 2]: a ramp over its turns."""
    turns = scaling.original_max_position_embeddings * frequencies / (2 * math.pi)
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    return np.clip((turns - low) / (high - low), 0, 1)


def _compute_yarn_shares(config: ModelConfig, scaling: YarnScaling) -> NDArray[np.float64]:
    """Share of every frequency that is kept, [d / 2]: a ramp over the index of the pair."""

    def find_pair(turns: float) -> float:
        """Where a pair would stand that turns so often within the original limit."""
        radians = scaling.original_max_position_embeddings / (turns * 2 * math.pi)
        return config.head_dim * math.log(radians) / (2 * math.log(config.rope_theta))

    first, last = find_pair(scaling.beta_fast), find_pair(scaling.beta_slow)
    if scaling.truncate:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, config.head_dim - 1)
    width = last - first if last != first else _SMALLEST_RAMP
    kept: NDArray[np.float64] = 1 - np.clip((np.arange(config.head_dim // 2) - first) / width, 0, 1)
    return kept


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
    factor = get_attention_factor(config)
    cos, sin = factor * np.cos(angles), factor * np.sin(angles)
    return RotaryTable(cos.astype(dtype), sin.astype(dtype))
