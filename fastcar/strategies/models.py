"""Tiny decoders with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from fastcar.reference.config import ModelConfig
from fastcar.reference.weights import ModelWeights, make_random_weights

FloatType = type[np.floating[Any]]
FLOAT_TYPES: tuple[FloatType, ...] = (np.float32, np.float64)
HEADS = {"multi-head": (2, 2), "grouped-query": (4, 2), "multi-query": (2, 1)}
"""Query heads and key heads of each kind of attention."""


def make_config(kind: str = "grouped-query", layers: int = 2) -> ModelConfig:
    """A tiny model whose width is not the width of its heads.

    Args:
        kind: of `HEADS`.
        layers: L.
    """
    heads, key_value_heads = HEADS[kind]
    return ModelConfig(11, 12, 20, layers, heads, key_value_heads, 4, 1e-5, 100.0, 64)


@st.composite
def model_configs(draw: st.DrawFn, *, max_layers: int = 2) -> ModelConfig:
    """Sizes of a tiny decoder, any kind of attention, 1 to `max_layers` layers.

    >>> from hypothesis import find
    >>> found = find(model_configs(), lambda config: config.num_attention_heads == 4)
    >>> found.num_key_value_heads, found.num_hidden_layers <= 2
    (2, True)
    """
    return make_config(draw(st.sampled_from(sorted(HEADS))), draw(st.integers(1, max_layers)))


@st.composite
def models(
    draw: st.DrawFn, *, max_layers: int = 2, dtypes: tuple[FloatType, ...] = FLOAT_TYPES
) -> tuple[ModelConfig, ModelWeights]:
    """A tiny decoder: its sizes and random weights, as `fastcar.trace` takes them.

    >>> from hypothesis import find
    >>> config, weights = find(models(), lambda model: model[1].dtype == np.float64)
    >>> weights.embedding.shape == (config.vocab_size, config.hidden_size)
    True
    """
    config = draw(model_configs(max_layers=max_layers))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    return config, make_random_weights(config, rng, draw(st.sampled_from(dtypes)))
