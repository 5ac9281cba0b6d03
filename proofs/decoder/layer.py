"""The two runs of P-16: one token computed through all layers, dense or with replay.

The names `np.cos`, `@` and those of `fastcar.proofs.arithmetic` work in both arithmetics, so this
is the reference decoder in floats and in balls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import AlignedToken, draw_replay
from fastcar.proofs.arithmetic import Array
from fastcar.proofs.attention import compute_head
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.multi_head_attention import get_key_head_index
from fastcar.proofs.rotary import compute_angles
from fastcar.proofs.silu import compute_silu
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.rotary import RotaryTable, compute_frequencies
from fastcar.reference.weights import LayerWeights


@dataclass(frozen=True)
class LayerRuns:
    """One layer in two runs: weights, both caches, and what the second run replays.

    Attributes:
        weights: float64.
        keys: [H_kv, n, d] float64, of the earlier tokens in the dense run, after rotary embedding.
        values: [H_kv, n, d].
        other_keys: [H_kv, n, d], in the run with replay.
        other_values: [H_kv, n, d].
        cached: [D], MLP output that the second run replays; None where it computes.
    """

    weights: LayerWeights
    keys: Array
    values: Array
    other_keys: Array
    other_values: Array
    cached: Array | None


@dataclass(frozen=True)
class DecoderPair:
    """One token through all layers in two runs of the same weights.

    Attributes:
        embedding: [D] float64, of the token.
        layers: weights, caches and replayed outputs.
        norm: [D], gain of the last norm.
        head: [V, D].
        angles: [d / 2], rotary angles of the token's position.
        eps: of all norms, > 0.
    """

    embedding: Array
    layers: tuple[LayerRuns, ...]
    norm: Array
    head: Array
    angles: Array
    eps: float


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> DecoderPair:
    """A replayed token with the caches of both runs, and what the second replays."""
    return get_decoder_pair(draw_replay(pair, rng))


def get_decoder_pair(token: AlignedToken) -> DecoderPair:
    """A token in all layers of both runs."""
    pair, row, entry = token.pair, token.row_index, token.entry
    weights, config = pair.given.weights, pair.given.config
    runs, layers = (pair.dense, pair.replay), []
    for index, layer in enumerate(weights.layers):
        keys, other_keys = (run.keys[index, row, :, :entry] for run in runs)
        values, other_values = (run.values[index, row, :, :entry] for run in runs)
        is_replayed = pair.replay.replayed[index, row, token.token_index]
        output = pair.replay.mlp_outputs[index, row, token.token_index]
        cached = output if is_replayed else None
        layers.append(LayerRuns(layer, keys, values, other_keys, other_values, cached))
    embedding = weights.embedding[pair.given.forced_ids[row, token.token_index]]
    angles = compute_angles(entry, compute_frequencies(config))
    return DecoderPair(embedding, tuple(layers), weights.norm, weights.head, angles, token.eps)


@dataclass(frozen=True)
class LayerState:
    """One token in one layer of one run.

    Attributes:
        x: [D], residual stream before the layer.
        angles: [d / 2], rotary angles of the position.
        normed: [D], after the norm before attention.
        queries: [H, d] after rotary embedding.
        keys: [H_kv, n + 1, d], those of the cache and the token's own.
        values: [H_kv, n + 1, d].
        contexts: [H * d].
        mid: [D], residual stream after attention.
        mlp_normed: [D], what the MLP reads.
        gate: [F].
        up: [F].
        output: [D], what the MLP computes, used or not.
    """

    x: Array
    angles: Array
    normed: Array
    queries: Array
    keys: Array
    values: Array
    contexts: Array
    mid: Array
    mlp_normed: Array
    gate: Array
    up: Array
    output: Array


@dataclass(frozen=True)
class Run:
    """One run of the token.

    Attributes:
        states: of every layer.
        x: [D], residual stream after the last layer.
        normed: [D], after the last norm.
        logits: [V].
    """

    states: tuple[LayerState, ...]
    x: Array
    normed: Array
    logits: Array


def run_layer(
    weights: LayerWeights, x: Array, keys: Array, values: Array, angles: Array, eps: float
) -> LayerState:
    """Compute one token through a layer.

    Args:
        weights: of the layer.
        x: [D], residual stream.
        keys: [H_kv, n, d], cached.
        values: [H_kv, n, d].
        angles: [d / 2], rotary angles of the token's position.
        eps: of the norms.
    """
    head_dim = keys.shape[2]
    normed = compute_rms_norm(x, weights.attention_norm, eps)
    queries, key = (
        rotate((projection @ normed).reshape(-1, head_dim), angles)
        for projection in (weights.q_proj, weights.k_proj)
    )
    value = (weights.v_proj @ normed).reshape(-1, 1, head_dim)
    keys = np.concatenate([keys, key[:, None]], axis=1)
    values = np.concatenate([values, value], axis=1)
    sources = [get_key_head_index(index, len(queries), len(keys)) for index in range(len(queries))]
    contexts = np.concatenate(
        [
            compute_head(query, keys[source], values[source])
            for query, source in zip(queries, sources, strict=True)
        ]
    )
    mid = x + weights.o_proj @ contexts
    mlp_normed = compute_rms_norm(mid, weights.mlp_norm, eps)
    gate, up = weights.gate_proj @ mlp_normed, weights.up_proj @ mlp_normed
    output = weights.down_proj @ (compute_silu(gate) * up)
    return LayerState(
        x, angles, normed, queries, keys, values, contexts, mid, mlp_normed, gate, up, output
    )


def rotate(vectors: Array, angles: Array) -> Array:
    """Rotary embedding of vectors [n, d] at one position with angles [d / 2]."""
    table = RotaryTable(np.cos(angles[None]), np.sin(angles[None]))
    return table.rotate(vectors, np.array(0))


def run(pair: DecoderPair, with_replay: bool) -> Run:
    """Compute the token, dense or with replay."""
    x, states = pair.embedding, []
    for layer in pair.layers:
        keys, values = layer.keys, layer.values
        if with_replay:
            keys, values = layer.other_keys, layer.other_values
        state = run_layer(layer.weights, x, keys, values, pair.angles, pair.eps)
        replays = with_replay and layer.cached is not None
        x = state.mid + (layer.cached if replays else state.output)
        states.append(state)
    normed = compute_rms_norm(x, pair.norm, pair.eps)
    return Run(tuple(states), x, normed, pair.head @ normed)
