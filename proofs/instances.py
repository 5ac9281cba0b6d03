"""Instances of the statements from decoded tokens: real queries, keys, weights and decisions.

One generator per statement, all on the same footing: a seeded choice of run, row, layer, head and
token j from the second frame on, with its aligned token j- = j - N.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofs.arithmetic import Array
from proofs.attention import AttentionPair
from proofs.decoded_run import DecodedPair, DecodedRun
from proofs.softmax import LogitPair
from reference.rms_norm import compute_rms_norm
from reference.weights import LayerWeights

Slots = NDArray[np.int64]

INT16_MAX = 32767
NUM_SINKS = 4
"""As in StreamingLLM."""


@dataclass(frozen=True)
class AlignedToken:
    """A token j with an aligned token one frame earlier, in one row, layer and head.

    Attributes:
        pair: both runs.
        run: the one that the token is looked at in.
        row_index: b.
        layer_index: l.
        head_index: query head.
        token_index: j >= N.
    """

    pair: DecodedPair
    run: DecodedRun
    row_index: int
    layer_index: int
    head_index: int
    token_index: int

    @property
    def layer(self) -> LayerWeights:
        """Weights of the layer."""
        return self.pair.given.weights.layers[self.layer_index]

    @property
    def eps(self) -> float:
        """Of the RMS norms."""
        return self.pair.given.config.rms_norm_eps

    @property
    def aligned_index(self) -> int:
        """j-."""
        return self.token_index - self.pair.given.tokens_per_frame

    @property
    def slot(self) -> int:
        """Of token j; it sees the keys up to its own."""
        return int(self.pair.given.prompt_ids.shape[1]) + self.token_index

    @property
    def aligned_slot(self) -> int:
        """Of token j-."""
        return self.slot - self.pair.given.tokens_per_frame

    @property
    def key_head_index(self) -> int:
        """Key head that the query head reads."""
        return self.head_index // self.pair.given.config.queries_per_key

    def get_queries(self, token_index: int) -> Array:
        """[H, d] after rotary embedding."""
        queries: Array = self.run.queries[self.layer_index, self.row_index, token_index]
        return queries

    def get_query(self, token_index: int) -> Array:
        """[d] of the head."""
        query: Array = self.get_queries(token_index)[self.head_index]
        return query

    def get_keys(self) -> Array:
        """[H_kv, n, d], all that token j sees."""
        keys: Array = self.run.keys[self.layer_index, self.row_index, :, : self.slot + 1]
        return keys

    def get_values(self) -> Array:
        """[H_kv, n, d]."""
        values: Array = self.run.values[self.layer_index, self.row_index, :, : self.slot + 1]
        return values

    def get_aligned_keys(self) -> Array:
        """[H, d], key of token j- for every query head."""
        keys = self.get_keys()[:, self.aligned_slot]
        return np.repeat(keys, self.pair.given.config.queries_per_key, axis=0)

    def get_mlp_input(self, token_index: int) -> Array:
        """[D], residual stream after attention."""
        x: Array = self.run.mlp_inputs[self.layer_index, self.row_index, token_index]
        return x

    def get_normed(self, token_index: int) -> Array:
        """[D], what the MLP reads."""
        return compute_rms_norm(self.get_mlp_input(token_index), self.layer.mlp_norm, self.eps)


def draw_token(pair: DecodedPair, rng: np.random.Generator) -> AlignedToken:
    """Any token from the second frame on, of either run."""
    num_layers, num_rows, num_tokens, num_heads, _ = pair.dense.queries.shape
    run = (pair.dense, pair.replay)[rng.integers(2)]
    row, layer, head = (int(rng.integers(size)) for size in (num_rows, num_layers, num_heads))
    first = pair.given.tokens_per_frame
    return AlignedToken(pair, run, row, layer, head, int(rng.integers(first, num_tokens)))


def make_logits(pair: DecodedPair, rng: np.random.Generator) -> LogitPair:
    """P-01: logits of j and j- over the keys that both see."""
    token = draw_token(pair, rng)
    keys = token.get_keys()[token.key_head_index, : token.aligned_slot + 1]
    scale = float(np.sqrt(keys.shape[1]))
    x, y = (keys @ token.get_query(index) / scale for index in _get_indices(token))
    return LogitPair(x, y)


def _get_indices(token: AlignedToken) -> tuple[int, int]:
    return token.token_index, token.aligned_index


def make_attention_pair(pair: DecodedPair, rng: np.random.Generator) -> AttentionPair:
    """P-03: both queries over the keys that both see."""
    token = draw_token(pair, rng)
    query, other = (token.get_query(index) for index in _get_indices(token))
    shared = slice(token.aligned_slot + 1)
    keys, values = token.get_keys(), token.get_values()
    head = token.key_head_index
    return AttentionPair(query, other, keys[head, shared], values[head, shared])


def _get_window(slot: int, window: int) -> Slots:
    """Slots that a token sees: the sinks and the newest `window`, its own included."""
    sinks = np.arange(min(NUM_SINKS, slot + 1))
    return np.union1d(sinks, np.arange(max(0, slot + 1 - window), slot + 1))


Generator = Callable[[DecodedPair, np.random.Generator], Any]

GENERATORS: dict[str, Generator] = {
    "P-01": make_logits,
    "P-03": make_attention_pair,
}
"""By number of the statement."""
