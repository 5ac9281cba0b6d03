"""Integer constants of a whole decoder: embedding, attention and MLP of all layers, head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import Int16Array
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.whole.attention import IntegerAttention
from fastcar.reference.integer.whole.head import IntegerHead


@dataclass(frozen=True)
class WholeModel:
    """A decoder on integers from token to token; the residual scale is that of all layers.

    Attributes:
        embedding: [V, D] int16.
        attention: one per decoder layer.
        mlp: decisions and MLP phase of all layers; the scale of its query is c of the layer, that
            of its key 1, because the decision takes the query and the cached int8 key.
        head: final norm and head.
    """

    embedding: Int16Array
    attention: tuple[IntegerAttention, ...]
    mlp: IntegerModel
    head: IntegerHead

    def __post_init__(self) -> None:
        config = self.config
        table = config.vocab_size, config.hidden_size
        if self.embedding.dtype != np.int16 or self.embedding.shape != table:
            found = f"{self.embedding.dtype} {self.embedding.shape}"
            raise ArgumentError("embedding", found, f"int16 {table}")
        if self.head.matrix.weights.shape != table:
            raise ArgumentError("head", self.head.matrix.weights.shape, f"{table}")
        if len(self.attention) != config.num_hidden_layers:
            limit = f"num_hidden_layers = {config.num_hidden_layers}"
            raise ArgumentError("attention layers", len(self.attention), limit)
        pairs = config.head_dim // 2
        shapes = (
            (config.num_attention_heads, pairs),
            (config.num_key_value_heads, pairs),
            (config.num_key_value_heads,),
        )
        for layer, mlp in zip(self.attention, self.mlp.layers, strict=True):
            scales = layer.scales
            found_shapes = scales.query.shape, scales.key.shape, scales.value.shape
            if found_shapes != shapes or layer.gains.shape != (config.hidden_size,):
                raise ArgumentError("shapes of attention scales", found_shapes, f"{shapes}")
            if mlp.scales.residual != self.residual_scale:
                limit = f"{self.residual_scale}, one scale for all layers"
                raise ArgumentError("residual scale", mlp.scales.residual, limit)
            if (mlp.scales.query, mlp.scales.key) != (scales.product, 1.0):
                limit = f"({scales.product}, 1.0), product scale and 1"
                raise ArgumentError(
                    "scales of a decision", (mlp.scales.query, mlp.scales.key), limit
                )

    @property
    def config(self) -> ModelConfig:
        """Sizes of the checkpoint that was quantised."""
        return self.mlp.config

    @property
    def residual_scale(self) -> float:
        """s_x, of the residual stream everywhere."""
        return self.mlp.layers[0].scales.residual
