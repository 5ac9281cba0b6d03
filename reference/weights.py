"""Weights of a decoder as NumPy arrays, matrices [out, in] as in Hugging Face checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastcar.reference.arrays import Float, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError


@dataclass(frozen=True)
class LayerWeights:
    """One decoder layer; D = hidden_size, F = intermediate_size, d = head_dim."""

    attention_norm: FloatArray  # [D]
    q_proj: FloatArray  # [H * d, D]
    k_proj: FloatArray  # [H_kv * d, D]
    v_proj: FloatArray  # [H_kv * d, D]
    o_proj: FloatArray  # [D, H * d]
    mlp_norm: FloatArray  # [D]
    gate_proj: FloatArray  # [F, D]
    up_proj: FloatArray  # [F, D]
    down_proj: FloatArray  # [D, F]


@dataclass(frozen=True)
class ModelWeights:
    """All weights of a decoder, one dtype; a tied head is the embedding array itself."""

    embedding: FloatArray  # [V, D]
    layers: tuple[LayerWeights, ...]
    norm: FloatArray  # [D]
    head: FloatArray  # [V, D]

    @property
    def dtype(self) -> np.dtype[Float]:
        """float32 or float64."""
        return self.embedding.dtype


def get_layer_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shape of every field of `LayerWeights`."""
    width = config.num_attention_heads * config.head_dim
    kv_width = config.num_key_value_heads * config.head_dim
    hidden, inner = config.hidden_size, config.intermediate_size
    return {
        "attention_norm": (hidden,),
        "q_proj": (width, hidden),
        "k_proj": (kv_width, hidden),
        "v_proj": (kv_width, hidden),
        "o_proj": (hidden, width),
        "mlp_norm": (hidden,),
        "gate_proj": (inner, hidden),
        "up_proj": (inner, hidden),
        "down_proj": (hidden, inner),
    }


def make_random_weights(
    config: ModelConfig, rng: np.random.Generator, dtype: type[np.floating[Any]] = np.float32
) -> ModelWeights:
    """Random weights whose products keep unit scale: normal with variance 1 / in, norms near 1.

    Args:
        config: sizes.
        rng: source of randomness.
        dtype: np.float32 or np.float64.
    """
    if dtype not in (np.float32, np.float64):
        raise ArgumentError("dtype", dtype, "np.float32 or np.float64")

    def draw(shape: tuple[int, ...]) -> FloatArray:
        if len(shape) == 1:
            return rng.uniform(0.5, 1.5, shape).astype(dtype)
        matrix: FloatArray = rng.standard_normal(shape, np.float32) / np.sqrt(shape[1])
        return matrix.astype(dtype)

    table = (config.vocab_size, config.hidden_size)
    embedding = rng.standard_normal(table, np.float32).astype(dtype)
    layers = tuple(
        LayerWeights(**{name: draw(shape) for name, shape in get_layer_shapes(config).items()})
        for _ in range(config.num_hidden_layers)
    )
    head = embedding if config.tie_word_embeddings else draw(table)
    return ModelWeights(embedding, layers, draw((config.hidden_size,)), head)
