"""Integer constants of a whole decoder: embedding, attention and MLP of all layers, head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import Int16Array
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.layer import IntegerLayer
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
        for layer, mlp in zip(self.attention, self.mlp.layers, strict=True):
            self._check_shapes(layer)
            self._check_scales(layer, mlp)

    def _check_shapes(self, layer: IntegerAttention) -> None:
        config, scales = self.config, layer.scales
        pairs = config.head_dim // 2
        shapes = (
            (config.num_attention_heads, pairs),
            (config.num_key_value_heads, pairs),
            (config.num_key_value_heads,),
        )
        found = scales.query.shape, scales.key.shape, scales.value.shape
        if found != shapes or layer.gains.shape != (config.hidden_size,):
            raise ArgumentError("shapes of attention scales", found, f"{shapes}")

    def _check_scales(self, layer: IntegerAttention, mlp: IntegerLayer) -> None:
        scales, product = mlp.scales, layer.scales.product
        if scales.residual != self.residual_scale:
            limit = f"{self.residual_scale}, one scale for all layers"
            raise ArgumentError("residual scale", scales.residual, limit)
        if (scales.query, scales.key) != (product, 1.0):
            limit = f"({product}, 1.0), product scale and 1"
            raise ArgumentError("scales of a decision", (scales.query, scales.key), limit)

    @property
    def config(self) -> ModelConfig:
        """Sizes of the checkpoint that was quantised."""
        return self.mlp.config

    @property
    def residual_scale(self) -> float:
        """s_x, of the residual stream everywhere."""
        return self.mlp.layers[0].scales.residual
