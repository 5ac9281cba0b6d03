"""What attention on integers loses on real tokens: every query of a teacher-forced dense run.

The whole decoder on integers (`fastcar.reference.integer.whole`) is fed recorded clips. Its own
queries, keys and values then give shares and contexts once more, held against the exact softmax of
the same integer logits (P-22, P-23), with the bounds of both statements.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs.integer_context import STEPS, count_shifted
from fastcar.proofs.integer_context import bound as bound_context
from fastcar.proofs.integer_softmax import LogitRow, compute_distance, compute_shares
from fastcar.proofs.integer_softmax import bound as bound_distance
from fastcar.reference.arrays import Int8Array, Int64Array
from fastcar.reference.clip_model import ClipModel, TokenRows
from fastcar.reference.integer.whole.context import accumulate_context, compute_context
from fastcar.reference.integer.whole.decoder import DEFAULT_NUM_LANES, WholeDecoder
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.scores import compute_logits, compute_score_accumulators
from fastcar.reference.integer.whole.softmax import SoftmaxWords, compute_softmax_words
from fastcar.reference.observation import LayerObservation
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.teacher_forcing import feed_tokens

Numbers = NDArray[np.float64]

TARGET_MEAN, TARGET_WORST = 2e-4, 1.5e-3
"""Asked of the distance of shares, over all heads and tokens."""

SMALL_DISTANCE = 1e-3
"""Asked of every distance; a share of the queries stays within."""


@dataclass(frozen=True)
class AttentionErrors:
    """Errors of all queries (clips, tokens, heads) of one layer, and their bounds.

    Attributes:
        distances: [queries], half the sum of the absolute differences of shares.
        distance_bounds: [queries], P-22.
        contexts: [queries], largest error of an element, in steps of s_v / 256.
        context_bounds: [queries], largest bound of an element, P-23.
        largest_ratio: largest error of an element / its own bound.
    """

    distances: Numbers
    distance_bounds: Numbers
    contexts: Numbers
    context_bounds: Numbers
    largest_ratio: float

    def compute_share_within(self, limit: float = SMALL_DISTANCE) -> float:
        """Share of the queries whose distance is at most that."""
        return float((self.distances <= limit).mean())


def measure_attention(
    model: ClipModel, whole: WholeModel, rows: TokenRows, num_frames: int
) -> list[AttentionErrors]:
    """Errors of every layer.

    Args:
        model: of the rows.
        whole: its integer constants.
        rows: prompts and true tokens.
        num_frames: of each that are fed.
    """
    decoder, queries = _decode(model, whole, rows, num_frames)
    return [_measure_layer(decoder, layer, queries[layer]) for layer in range(len(queries))]


def _decode(
    model: ClipModel, whole: WholeModel, rows: TokenRows, num_frames: int
) -> tuple[WholeDecoder, NDArray[np.int16]]:
    """The decoder after the run, and its queries [L, S, B, H, d]."""
    prompts = rows.prompts.conditional
    fed = rows.token_ids[:, : num_frames * model.tokens_per_frame]
    config = model.config
    heads = config.num_attention_heads, config.head_dim
    queries = np.zeros((config.num_hidden_layers, fed.shape[1], len(fed), *heads), np.int16)
    steps = [np.tile(layer.scales.query, 2) for layer in whole.attention]

    def observe(observation: LayerObservation) -> None:
        place = observation.layer_index, observation.token_index
        queries[place] = np.rint(observation.query / steps[observation.layer_index])

    decoder = WholeDecoder(
        config,
        model.weights,
        rows=len(fed),
        capacity_tokens=prompts.shape[1] + fed.shape[1],
        replay=ReplayConfig(model.tokens_per_frame),
        model=whole,
    )
    for _ in feed_tokens(decoder, prompts, fed, observe):
        pass
    return decoder, queries


def _measure_layer(
    decoder: WholeDecoder, layer_index: int, queries: NDArray[np.int16]
) -> AttentionErrors:
    layer, cache = decoder.whole.attention[layer_index], decoder.integer_cache
    found = []
    for token_index, query in enumerate(queries):  # [B, H, d]
        num_keys = decoder.prompt_tokens + token_index + 1
        keys, values = (part[layer_index, :, :, :num_keys] for part in (cache.keys, cache.values))
        accumulators = compute_score_accumulators(query, keys)
        logits = compute_logits(accumulators, layer.logit_multiplier, layer.logit_shift)
        found += measure_queries(logits, values)
    distances, distance_bounds, contexts, context_bounds, ratios = np.array(found).T
    return AttentionErrors(
        distances, distance_bounds, contexts, context_bounds, float(ratios.max())
    )


def measure_queries(
    logits: Int64Array, values: Int8Array, num_lanes: int = DEFAULT_NUM_LANES
) -> list[tuple[float, ...]]:
    """For each query one number for each field of `AttentionErrors`.

    Args:
        logits: [B, H, n], all visible.
        values: [B, H_kv, n, d].
        num_lanes: L.
    """
    visible = np.ones(logits.shape[-1], bool)
    words = compute_softmax_words(logits, visible, num_lanes)
    contexts, accumulated = compute_context(words, values), accumulate_context(words, values)
    group = logits.shape[1] // values.shape[1]
    found: list[tuple[float, ...]] = []
    for row, head in np.ndindex(logits.shape[:2]):
        place = row, slice(head, head + 1)
        own = SoftmaxWords(words.weights[place], words.exponents[place], words.total[place])
        query = LogitRow(logits[row, head].astype(np.float64), visible, num_lanes)
        shares, seen = compute_shares(query, own), values[row, head // group].astype(np.float64)
        exact = STEPS * (shares.exact @ seen) / shares.exact.sum()
        errors = abs(contexts[row, head] - exact)  # [d]
        bounds = bound_context(shares, seen, accumulated[row, head], count_shifted(own))
        distances = compute_distance(shares), bound_distance(shares)
        found.append((*distances, errors.max(), bounds.max(), (errors / bounds).max()))
    return found
