"""Largest magnitudes that a float decoder shows, prompt included, for scales of the whole decoder.

The engine of a dense run looks at everything it computes. Pairs are measured by their norm, which
turning does not change: a scale that holds the norm holds the pair at every position.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.integer.quantization import LayerRanges
from fastcar.reference.matrix import DecoderLayer, Matrix
from fastcar.reference.progress import Progress
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.rotary import get_attention_factor
from fastcar.reference.swiglu import compute_activations
from fastcar.reference.teacher_forcing import feed_tokens
from fastcar.reference.weights import ModelWeights


@dataclass
class AttentionRanges:
    """Largest magnitudes of one layer's attention.

    Attributes:
        query: [H, d / 2], norms of rotary pairs.
        key: [H_kv, d / 2], likewise.
        value: [H_kv].
    """

    query: NDArray[np.float64]
    key: NDArray[np.float64]
    value: NDArray[np.float64]


@dataclass
class WholeRanges:
    """Largest magnitudes of a decoder.

    Attributes:
        residual: of the residual stream and of what is added to it, anywhere; of all embeddings.
        logits: of the head.
        attention: of every layer.
        mlp: of every layer; residual, query and key are not used.
    """

    residual: float
    logits: float
    attention: tuple[AttentionRanges, ...]
    mlp: tuple[LayerRanges, ...] = field(repr=False)


class RangeEngine(NumpyEngine):
    """The float specification that keeps the largest magnitudes of what it computes.

    Args:
        config: sizes.
        weights: of the decoder that it computes for.

    Attributes:
        ranges: so far.
    """

    def __init__(self, config: ModelConfig, weights: ModelWeights) -> None:
        pairs, heads = config.head_dim // 2, config.num_key_value_heads
        self.ranges = WholeRanges(
            _get_largest(weights.embedding),
            0.0,
            tuple(
                AttentionRanges(
                    np.zeros((config.num_attention_heads, pairs)),
                    np.zeros((heads, pairs)),
                    np.zeros(heads),
                )
                for _ in weights.layers
            ),
            tuple(LayerRanges() for _ in weights.layers),
        )
        self._weights = weights
        self._head_dim = config.head_dim
        self._attention_factor = get_attention_factor(config)

    def project(
        self, x: FloatArray, layer: DecoderLayer, eps: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Look at the residual stream before, at pairs of query and key, and at values."""
        projected = super().project(x, layer, eps)
        self._cover_residual(x)
        widest = self.ranges.attention[self._find_layer(layer)]
        query, key, value = (each.reshape(-1, *shape) for each, shape in self._get_heads(projected))
        np.maximum(widest.query, self._get_pair_norms(query), out=widest.query)
        np.maximum(widest.key, self._get_pair_norms(key), out=widest.key)
        np.maximum(widest.value, np.abs(value).max(axis=(0, 2)), out=widest.value)
        return projected

    def linear(self, x: FloatArray, weight: Matrix) -> FloatArray:
        """Look at what attention adds, and at the logits."""
        result = super().linear(x, weight)
        if weight is self._weights.head:
            self.ranges.logits = max(self.ranges.logits, _get_largest(result))
        else:
            self._cover_residual(result)
        return result

    def rms_norm(self, x: FloatArray, gain: FloatArray, eps: float) -> FloatArray:
        """Look at the residual stream before."""
        self._cover_residual(x)
        return super().rms_norm(x, gain, eps)

    def swiglu(self, normed: FloatArray, layer: DecoderLayer) -> FloatArray:
        """Look at gate, up, hidden, and at what the MLP adds."""
        activations = compute_activations(normed, layer)
        widest = self.ranges.mlp[self._find_layer(layer)]
        for name in ("gate", "up", "hidden"):
            widest.cover(name, getattr(activations, name))
        return self.linear(activations.hidden, layer.down_proj)

    def _get_heads(
        self, projected: tuple[FloatArray, FloatArray, FloatArray]
    ) -> list[tuple[FloatArray, tuple[int, int]]]:
        return [(each, (each.shape[-1] // self._head_dim, self._head_dim)) for each in projected]

    def _get_pair_norms(self, x: FloatArray) -> NDArray[np.float64]:
        """Largest norms [heads, d / 2] of x [tokens, heads, d], as they are after ROPE."""
        first, second = np.split(x.astype(np.float64), 2, axis=-1)
        largest: NDArray[np.float64] = np.hypot(first, second).max(axis=0)
        return largest * self._attention_factor

    def _cover_residual(self, x: FloatArray) -> None:
        self.ranges.residual = max(self.ranges.residual, _get_largest(x))

    def _find_layer(self, layer: DecoderLayer) -> int:
        return next(index for index, one in enumerate(self._weights.layers) if one is layer)


def calibrate_whole_ranges(
    config: ModelConfig,
    weights: ModelWeights,
    prompt_ids: TokenIds,
    token_ids: TokenIds,
    progress: Progress | None = None,
) -> WholeRanges:
    """Ranges over a dense teacher-forced run.

    Args:
        config: sizes.
        weights: float32 or float64.
        prompt_ids: [B, P] int64.
        token_ids: [B, S] int64, the tokens behind the prompts; there may be none.
        progress: called after every token.
    """
    engine = RangeEngine(config, weights)
    decoder = Decoder(
        config,
        weights,
        rows=len(prompt_ids),
        capacity_tokens=prompt_ids.shape[1] + token_ids.shape[1],
        replay=ReplayConfig(1),
        float_engine=engine,
    )
    for fed, _ in enumerate(feed_tokens(decoder, prompt_ids, token_ids)):
        if progress is not None:
            progress(fed, token_ids.shape[1])
    return engine.ranges


def _get_largest(x: FloatArray) -> float:
    return float(np.abs(x).max(initial=0.0))
