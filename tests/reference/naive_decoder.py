"""A decoder without any cache: one row, float64, everything computed again at every step.

It states the paper once more in the plainest way, and shares no line with `reference`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastcar.reference.config import ModelConfig
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.weights import ModelWeights


@dataclass
class NaiveDecoder:
    """Full forward passes over one row, with replay as a rule about positions.

    Attributes:
        config: sizes.
        weights: any dtype.
        prompt_tokens: P, without padding.
        tokens_per_frame: N.
        tau: threshold of all layers; None = dense.
        is_published: query before rotary embedding, strict comparison.
        sparse: sinks and window.
    """

    config: ModelConfig
    weights: ModelWeights
    prompt_tokens: int
    tokens_per_frame: int
    tau: float | None = None
    is_published: bool = False
    sparse: SparseAttention | None = None

    def run(self, token_ids: Any) -> tuple[Any, Any, Any]:
        """Logits [T, V], scores and replays [T, L] of all tokens of one row."""
        length, layers = len(token_ids), self.config.num_hidden_layers
        scores = np.full((length, layers), np.nan)
        replayed = np.zeros((length, layers), bool)
        x = self.weights.embedding[token_ids].astype(np.float64)
        for index, layer in enumerate(self.weights.layers):
            normed = self._normalise(x, layer.attention_norm)
            width = self.config.head_dim
            plain = (normed @ layer.q_proj.T.astype(float)).reshape(length, -1, width)
            key = (normed @ layer.k_proj.T.astype(float)).reshape(length, -1, width)
            value = (normed @ layer.v_proj.T.astype(float)).reshape(length, -1, width)
            group = plain.shape[1] // key.shape[1]
            query, key = self._rotate(plain), self._rotate(key).repeat(group, axis=1)
            logits = np.einsum("qhd,khd->hqk", query, key) / width**0.5
            shares = np.exp(np.where(self._is_seen(length), logits, -np.inf))
            shares /= shares.sum(axis=-1, keepdims=True)
            context = np.einsum("hqk,khd->qhd", shares, value.repeat(group, axis=1))
            x = x + context.reshape(length, -1) @ layer.o_proj.T.astype(float)
            output = self._compute_mlp(x, layer)
            scored = plain if self.is_published else query
            for token in range(self.prompt_tokens + self.tokens_per_frame, length):
                if self.tau is None:
                    break
                aligned = token - self.tokens_per_frame
                score = np.mean((scored[token] * key[aligned]).sum(axis=-1) / width**0.5)
                scores[token, index] = score
                if score > self.tau or (score == self.tau and not self.is_published):
                    replayed[token, index] = True
                    output[token] = output[aligned]
            x = x + output
        return self._normalise(x, self.weights.norm) @ self.weights.head.T, scores, replayed

    def _normalise(self, x: Any, gain: Any) -> Any:
        size = np.sqrt((x**2).mean(axis=-1) + self.config.rms_norm_eps)
        return x / size[:, None] * gain

    def _rotate(self, x: Any) -> Any:
        half = x.shape[-1] // 2
        speed = self.config.rope_theta ** (-np.arange(half) / half)
        phase = np.exp(1j * np.arange(len(x))[:, None] * speed)[:, None]
        turned = (x[..., :half] + 1j * x[..., half:]) * phase
        return np.concatenate([turned.real, turned.imag], axis=-1)

    def _compute_mlp(self, x: Any, layer: Any) -> Any:
        normed = self._normalise(x, layer.mlp_norm)
        gate, up = normed @ layer.gate_proj.T, normed @ layer.up_proj.T
        return (gate / (1 + np.exp(-gate)) * up) @ layer.down_proj.T

    def _is_seen(self, length: int) -> Any:
        query, key = np.indices((length, length))
        if self.sparse is None:
            return key <= query
        is_new = query - key < self.sparse.window_tokens
        return (key <= query) & (is_new | (key < self.sparse.sink_tokens))
