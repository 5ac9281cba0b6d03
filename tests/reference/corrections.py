"""Corrections and constants of random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.config import ModelConfig
from fastcar.reference.correction import Correction


def make_correction(config: ModelConfig, rank: int = 3, dtype: Any = np.float32) -> Correction:
    """Factors of a size that moves every output."""
    rng, layers, width = np.random.default_rng(8), config.num_hidden_layers, config.hidden_size
    down = rng.standard_normal((layers, rank, width)).astype(dtype)
    up = rng.standard_normal((layers, width, rank)).astype(dtype) / np.asarray(width, dtype)
    return Correction(down, up, "random numbers")


def make_constant(config: ModelConfig) -> NDArray[np.float64]:
    """An output per layer, of numbers that float32 holds."""
    shape = config.num_hidden_layers, config.hidden_size
    return np.random.default_rng(9).standard_normal(shape).astype(np.float32).astype(np.float64)
