"""Instances of the statements from decoded tokens: real queries, keys, weights and decisions.

One generator per statement: a seeded choice of run, row, layer, head and token j from the second
frame on, with its aligned token j- = j - N.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs.aligned_token import AlignedToken, draw_replay, draw_token, get_chain
from fastcar.proofs.attention import AttentionPair
from fastcar.proofs.causal_attention import CausalPair
from fastcar.proofs.certificate import CERTIFICATES, CertifiedPair
from fastcar.proofs.combined_layer import LayerPair
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.decoder.bound import DecoderPair
from fastcar.proofs.decoder.layer import LayerRuns
from fastcar.proofs.fixed_point import QuantizedScore
from fastcar.proofs.head_aggregation import AlignedHeads
from fastcar.proofs.integer_mlp import IntegerElement, make_element
from fastcar.proofs.integer_mlp_steps import STEP_NAMES
from fastcar.proofs.multi_head_attention import BlockPair
from fastcar.proofs.query_projection import HeadProjections
from fastcar.proofs.replay import ReplayChain
from fastcar.proofs.rms_norm import NormPair
from fastcar.proofs.rotary import RotatedPair, compute_angles
from fastcar.proofs.scheduler import Flags
from fastcar.proofs.softmax import LogitPair
from fastcar.proofs.sparse_attention import WindowPair
from fastcar.proofs.static_mapping import ReplayLoad
from fastcar.proofs.swiglu import SwiGLUPair
from fastcar.proofs.temporal_attention_score import AlignedQueries
from fastcar.reference.arrays import BoolArray
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION, choose_scale, quantize
from fastcar.reference.integer.quantization import LayerRanges
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.scheduler import MAX_CORES, MAX_SLOTS
from fastcar.reference.swiglu import compute_activations

Slots = NDArray[np.int64]

NUM_SINKS = 4
"""As in StreamingLLM."""


def make_logits(pair: DecodedPair, rng: np.random.Generator) -> LogitPair:
    """P-01: logits of j and j- over the keys that both see."""
    token = draw_token(pair, rng)
    keys = token.get_keys()[token.key_head_index, : token.aligned_slot + 1]
    scale = float(np.sqrt(keys.shape[1]))
    x, y = (keys @ token.get_query(index) / scale for index in _get_indices(token))
    return LogitPair(x, y)


def _get_indices(token: AlignedToken) -> tuple[int, int]:
    return token.token_index, token.aligned_index


def make_aligned_queries(pair: DecodedPair, rng: np.random.Generator) -> AlignedQueries:
    """P-02: queries of j and j-, and the key of j-."""
    token = draw_token(pair, rng)
    query, other = (token.get_query(index) for index in _get_indices(token))
    return AlignedQueries(query, other, token.get_aligned_keys()[token.head_index])


def make_attention_pair(pair: DecodedPair, rng: np.random.Generator) -> AttentionPair:
    """P-03: both queries over the keys that both see."""
    token = draw_token(pair, rng)
    query, other = (token.get_query(index) for index in _get_indices(token))
    shared = slice(token.aligned_slot + 1)
    keys, values = token.get_keys(), token.get_values()
    head = token.key_head_index
    return AttentionPair(query, other, keys[head, shared], values[head, shared])


def make_causal_pair(pair: DecodedPair, rng: np.random.Generator) -> CausalPair:
    """P-04: j sees one frame more than j-."""
    token = draw_token(pair, rng)
    query, other = (token.get_query(index) for index in _get_indices(token))
    head = token.key_head_index
    keys, values = token.get_keys()[head], token.get_values()[head]
    return CausalPair(query, other, keys, values, token.aligned_slot + 1)


def make_aligned_heads(pair: DecodedPair, rng: np.random.Generator) -> AlignedHeads:
    """P-05: all heads of j, and their keys of j-."""
    token = draw_token(pair, rng)
    return AlignedHeads(token.get_queries(token.token_index), token.get_aligned_keys())


def make_norm_pair(pair: DecodedPair, rng: np.random.Generator) -> NormPair:
    """P-06: residual streams of j and j- before the MLP's norm."""
    token = draw_token(pair, rng)
    x, other = (token.get_mlp_input(index) for index in _get_indices(token))
    return NormPair(x, other, token.layer.mlp_norm, token.eps)


def make_swiglu_pair(pair: DecodedPair, rng: np.random.Generator) -> SwiGLUPair:
    """P-07: what the MLP reads for j and j-."""
    token = draw_token(pair, rng)
    layer = token.layer
    normed, other = (token.get_normed(index) for index in _get_indices(token))
    return SwiGLUPair(layer.gate_proj, layer.up_proj, layer.down_proj, normed, other)


def make_replay_chain(pair: DecodedPair, rng: np.random.Generator) -> ReplayChain:
    """P-08: a replayed token back to the one that was computed."""
    token = draw_replay(pair, rng)
    layer = token.layer
    inputs = np.stack([token.get_mlp_input(index) for index in get_chain(token)])
    matrices = (layer.gate_proj, layer.up_proj, layer.down_proj)
    return ReplayChain(*matrices, layer.mlp_norm, token.eps, inputs)


def make_quantized_score(pair: DecodedPair, rng: np.random.Generator) -> QuantizedScore:
    """P-09: int16 with the scales of the largest elements, the threshold of the replay run."""
    token = draw_token(pair, rng)
    query, key = token.get_queries(token.token_index), token.get_aligned_keys()
    return QuantizedScore(query, key, choose_scale(query), choose_scale(key), pair.threshold)


def make_rotated_pair(pair: DecodedPair, rng: np.random.Generator) -> RotatedPair:
    """P-11: query of j before rotary embedding, key of j- after it."""
    token = draw_token(pair, rng)
    plain = token.run.plain_queries[token.layer_index, token.row_index, token.token_index]
    key = token.get_aligned_keys()[token.head_index]
    return RotatedPair(plain[token.head_index], key, token.slot, pair.given.config.rope_theta)


def make_window_pair(pair: DecodedPair, rng: np.random.Generator) -> WindowPair:
    """P-12: sinks and a window of half a frame to four frames, cut from the same keys."""
    token = draw_token(pair, rng)
    frame = pair.given.tokens_per_frame
    window = int(rng.choice([max(1, frame // 2), frame, 2 * frame, 4 * frame]))
    seen, other_seen = (_get_window(slot, window) for slot in (token.slot, token.aligned_slot))
    parts = [
        np.intersect1d(seen, other_seen),
        np.setdiff1d(seen, other_seen),
        np.setdiff1d(other_seen, seen),
    ]
    head = token.key_head_index
    keys, values = token.get_keys()[head], token.get_values()[head]
    arrays = [array[slots] for slots in parts for array in (keys, values)]
    query, other = (token.get_query(index) for index in _get_indices(token))
    return WindowPair(query, other, *arrays)


def _get_window(slot: int, window: int) -> Slots:
    """Slots that a token sees: the sinks and the newest `window`, its own included."""
    sinks = np.arange(min(NUM_SINKS, slot + 1))
    return np.union1d(sinks, np.arange(max(0, slot + 1 - window), slot + 1))


def make_block_pair(pair: DecodedPair, rng: np.random.Generator) -> BlockPair:
    """P-13: all heads of j and j- and the output projection."""
    return _make_block(draw_token(pair, rng))


def _make_block(token: AlignedToken) -> BlockPair:
    return BlockPair(
        token.get_queries(token.token_index),
        token.get_queries(token.aligned_index),
        token.get_keys(),
        token.get_values(),
        token.layer.o_proj,
        token.aligned_slot + 1,
    )


def make_head_projections(pair: DecodedPair, rng: np.random.Generator) -> HeadProjections:
    """P-14: projections of one head, and the normalised input of attention."""
    token = draw_token(pair, rng)
    width = pair.given.config.head_dim
    query_rows = slice(token.head_index * width, (token.head_index + 1) * width)
    key_rows = slice(token.key_head_index * width, (token.key_head_index + 1) * width)
    x = token.run.layer_inputs[token.layer_index, token.row_index, token.token_index]
    normed = compute_rms_norm(x, token.layer.attention_norm, token.eps)
    return HeadProjections(token.layer.q_proj[query_rows], token.layer.k_proj[key_rows], normed)


def make_layer_pair(pair: DecodedPair, rng: np.random.Generator) -> LayerPair:
    """P-15: a whole layer, its residual streams included."""
    return get_layer_pair(draw_token(pair, rng))


def get_layer_pair(token: AlignedToken) -> LayerPair:
    """The layer of a token with both residual streams."""
    layer = token.layer
    residual, other = (
        token.run.layer_inputs[token.layer_index, token.row_index, index]
        for index in _get_indices(token)
    )
    return LayerPair(
        _make_block(token),
        residual,
        other,
        layer.gate_proj,
        layer.up_proj,
        layer.down_proj,
        layer.mlp_norm,
        token.eps,
    )


def make_flags(pair: DecodedPair, rng: np.random.Generator) -> Flags:
    """P-10: decisions of one layer, for any number of cores."""
    return Flags(~_draw_decisions(pair, rng), int(rng.integers(1, MAX_CORES + 1)))


def _draw_decisions(pair: DecodedPair, rng: np.random.Generator) -> BoolArray:
    """[B] replay flags of one layer: all rows of a token, then of the next, up to 32 slots."""
    token = draw_token(pair, rng)
    in_order = pair.replay.replayed[token.layer_index].T[token.token_index :].ravel()
    flags: BoolArray = in_order[: rng.integers(1, MAX_SLOTS + 1)]
    return flags


def make_decoder_pair(pair: DecodedPair, rng: np.random.Generator) -> DecoderPair:
    """P-16: one token with the caches of both runs, and what the second replays."""
    return get_decoder_pair(draw_replay(pair, rng))


def get_decoder_pair(token: AlignedToken) -> DecoderPair:
    """A token in all layers of both runs."""
    pair, row, slot = token.pair, token.row_index, token.slot
    weights, config = pair.given.weights, pair.given.config
    runs, layers = (pair.dense, pair.replay), []
    for index, layer in enumerate(weights.layers):
        keys, other_keys = (run.keys[index, row, :, :slot] for run in runs)
        values, other_values = (run.values[index, row, :, :slot] for run in runs)
        is_replayed = pair.replay.replayed[index, row, token.token_index]
        output = pair.replay.mlp_outputs[index, row, token.token_index]
        cached = output if is_replayed else None
        layers.append(LayerRuns(layer, keys, values, other_keys, other_values, cached))
    embedding = weights.embedding[pair.given.forced_ids[row, token.token_index]]
    angles = compute_angles(slot, config.rope_theta, np.ones(config.head_dim))
    return DecoderPair(embedding, tuple(layers), weights.norm, weights.head, angles, token.eps)


def make_certified_pair(pair: DecodedPair, rng: np.random.Generator) -> CertifiedPair:
    """P-17: what was computed last in the place and what is read now, in float32 or float64."""
    token = draw_replay(pair, rng)
    layer, chain = token.layer, get_chain(token)
    dtype = (np.float32, np.float64)[rng.integers(2)]
    return CertifiedPair(
        layer.gate_proj.astype(dtype),
        layer.up_proj.astype(dtype),
        layer.down_proj.astype(dtype),
        token.get_normed(chain[0]).astype(dtype),
        token.get_normed(chain[-1]).astype(dtype),
        CERTIFICATES[rng.integers(len(CERTIFICATES))],
    )


def make_replay_load(pair: DecodedPair, rng: np.random.Generator) -> ReplayLoad:
    """P-18: the share of replays of one layer in one frame of one row, for any sizes."""
    token = draw_token(pair, rng)
    frame = pair.given.tokens_per_frame
    first = token.token_index // frame * frame
    replayed = pair.replay.replayed[token.layer_index, token.row_index, first : first + frame]
    num_slots, num_cores = (int(rng.integers(1, most + 1)) for most in (MAX_SLOTS, MAX_CORES))
    return ReplayLoad(num_slots, num_cores, int(replayed.sum()), frame)


def make_integer_element(pair: DecodedPair, rng: np.random.Generator) -> IntegerElement:
    """P-19: an element of a step for token j, the scales from all tokens of the layer and row."""
    token = draw_token(pair, rng)
    layer = token.layer
    residuals = token.run.mlp_inputs[token.layer_index, token.row_index]
    seen = compute_activations(compute_rms_norm(residuals, layer.mlp_norm, token.eps), layer)
    ranges = LayerRanges(query=1.0, key=1.0)
    ranges.cover("residual", residuals)
    for name in ("gate", "up", "hidden"):
        ranges.cover(name, getattr(seen, name))
    step = STEP_NAMES[rng.integers(len(STEP_NAMES))]
    like = residuals if step in ("normed", "output") else seen.gate
    index = int(rng.integers(like.shape[-1]))
    x = quantize(residuals[None, token.token_index], ranges.residual / MAX_ACTIVATION)
    return make_element(layer, ranges, token.eps, x, (step, index))


Generator = Callable[[DecodedPair, np.random.Generator], Any]

GENERATORS: dict[str, Generator] = {
    "P-01": make_logits,
    "P-02": make_aligned_queries,
    "P-03": make_attention_pair,
    "P-04": make_causal_pair,
    "P-05": make_aligned_heads,
    "P-06": make_norm_pair,
    "P-07": make_swiglu_pair,
    "P-08": make_replay_chain,
    "P-09": make_quantized_score,
    "P-10": make_flags,
    "P-11": make_rotated_pair,
    "P-12": make_window_pair,
    "P-13": make_block_pair,
    "P-14": make_head_projections,
    "P-15": make_layer_pair,
    "P-16": make_decoder_pair,
    "P-17": make_certified_pair,
    "P-18": make_replay_load,
    "P-19": make_integer_element,
}
"""By number of the statement."""
