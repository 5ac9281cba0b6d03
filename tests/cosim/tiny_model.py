"""Small integer models, requests and programs that the tests of this directory share."""

from __future__ import annotations

import numpy as np

from fastcar.reference.config import ModelConfig
from fastcar.reference.integer.layer import IntegerLayer, IntegerMatrix, LayerScales
from fastcar.reference.integer.mlp_engine import DecisionSource, MlpRequest
from fastcar.reference.integer.model import IntegerModel
from fastcar.rtl.config import AcceleratorConfig


def make_model(config: AcceleratorConfig, num_layers: int = 1, seed: int = 0) -> IntegerModel:
    """A model of the accelerator's sizes with random constants that use their whole range."""
    rng = np.random.default_rng(seed)
    layers = tuple(make_layer(config, rng) for _ in range(num_layers))
    return IntegerModel(make_model_config(config, num_layers), layers)


def make_model_config(config: AcceleratorConfig, num_layers: int) -> ModelConfig:
    """Sizes of a decoder that fits an accelerator; heads of two numbers."""
    heads = config.query_size // 2
    return ModelConfig(
        vocab_size=16,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=num_layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=2,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        max_position_embeddings=64,
    )


def make_layer(config: AcceleratorConfig, rng: np.random.Generator) -> IntegerLayer:
    """A layer whose intermediate numbers neither vanish nor saturate everywhere."""
    width, inner = config.hidden_size, config.intermediate_size
    return IntegerLayer(
        gains=rng.integers(-32767, 32768, width).astype(np.int16),
        epsilon=int(rng.integers(1, 1 << 34)),
        gate_proj=make_matrix(rng, inner, width),
        up_proj=make_matrix(rng, inner, width),
        down_proj=make_matrix(rng, width, inner),
        gate_shift=int(rng.integers(4)),
        hidden_multiplier=int(rng.integers(1 << 15, 1 << 16)),
        hidden_shift=int(rng.integers(28, 32)),
        scales=LayerScales(*(float(2.0**-power) for power in range(10, 16))),
    )


def make_matrix(rng: np.random.Generator, rows: int, columns: int) -> IntegerMatrix:
    """Random weights; about 16 bits of a sum stay."""
    weights = rng.integers(-127, 128, (rows, columns)).astype(np.int8)
    multipliers = rng.integers(1 << 14, 1 << 16, rows).astype(np.uint16)
    return IntegerMatrix(weights, multipliers, int(rng.integers(21, 24)))


def make_request(
    config: AcceleratorConfig,
    rng: np.random.Generator,
    source: DecisionSource,
    num_slots: int,
    token_index: int,
    tokens_per_frame: int,
) -> MlpRequest:
    """A request with some slots decided by the source, about half of them to replay."""
    query, key = (
        rng.integers(-3000, 3000, (num_slots, config.query_size)).astype(np.int16) for _ in range(2)
    )
    threshold = 0 if source is DecisionSource.SCORE else int(rng.integers(1 << 30, 1 << 34))
    return MlpRequest(
        token_index=token_index,
        location_index=token_index % tokens_per_frame,
        residual=rng.integers(-20000, 20000, (num_slots, config.hidden_size)).astype(np.int16),
        source=source,
        threshold=threshold,
        is_decided=rng.random(num_slots) < 0.7,
        is_computing=rng.random(num_slots) < 0.5,
        query=query,
        aligned_key=key,
    )
