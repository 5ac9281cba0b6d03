"""A decoded token and the aligned token one frame earlier: what the statements are about.

Notation as in `fastcar.proofs.decoded_run`; j- = j - N is the aligned token of token j.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.arithmetic import Array
from fastcar.proofs.decoded_run import DecodedPair, DecodedRun
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.weights import LayerWeights


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
    def indices(self) -> tuple[int, int]:
        """Token indices of j and j-."""
        return self.token_index, self.aligned_index

    @property
    def entry(self) -> int:
        """Of token j; it sees the keys up to its own."""
        return int(self.pair.given.prompt_ids.shape[1]) + self.token_index

    @property
    def aligned_entry(self) -> int:
        """Of token j-."""
        return self.entry - self.pair.given.tokens_per_frame

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
        keys: Array = self.run.keys[self.layer_index, self.row_index, :, : self.entry + 1]
        return keys

    def get_values(self) -> Array:
        """[H_kv, n, d]."""
        values: Array = self.run.values[self.layer_index, self.row_index, :, : self.entry + 1]
        return values

    def get_aligned_keys(self) -> Array:
        """[H, d], key of token j- for every query head."""
        keys = self.get_keys()[:, self.aligned_entry]
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


def draw_replay(pair: DecodedPair, rng: np.random.Generator) -> AlignedToken:
    """A replayed token; any token from the second frame on if none replays."""
    run = pair.replay
    places = np.argwhere(run.replayed if run.replayed.any() else ~np.isnan(run.scores))
    layer, row, token = (int(index) for index in places[rng.integers(len(places))])
    return AlignedToken(pair, run, row, layer, int(rng.integers(run.queries.shape[3])), token)


def get_chain(token: AlignedToken) -> list[int]:
    """Token indices from the last computed token of the place to this one, at least two."""
    length = token.run.chains[token.layer_index, token.row_index, token.token_index]
    frame = token.pair.given.tokens_per_frame
    return [token.token_index - frame * back for back in range(max(1, int(length)), -1, -1)]
