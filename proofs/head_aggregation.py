"""P-05: why the mean over the heads is the score that bounds how far queries are from keys.

Claim. For H >= 1 heads with queries q_m, keys k_m in R^d and scores s_m = <q_m, k_m> / sqrt(d):
mean |q_m - k_m| <= sqrt(mean (|q_m|^2 + |k_m|^2) - 2 sqrt(d) mean s_m), means over the heads.

Proof. Let g_m = |q_m - k_m|. By Cauchy-Schwarz with the vector of ones (or Jensen for the square),
(mean g_m)^2 <= mean g_m^2. g_m^2 = |q_m|^2 + |k_m|^2 - 2 sqrt(d) s_m as for P-02, and the mean of
that is the square on the right. It is attained where all g_m are equal.

The squared gap is linear in the score, so of the scores the right side needs the mean alone; the
largest score says nothing about the other heads. With the paper's normalisation,
|q_m|^2 = |k_m|^2 = sqrt(d), the right side is d^(1/4) sqrt(2 (1 - mean s_m)).

Source: the mean over the heads is the paper's (arXiv:2505.14709v1), the reason is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Array, Scalar, compute_row_norms, sqrt
from fastcar.proofs.attention import compute_root
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import (
    UNIT_ROUNDOFF,
    Hypothesis,
    Sides,
    Statement,
    make_finite_hypothesis,
)
from fastcar.proofs.temporal_attention_score import compute_root_rounding, compute_score


@dataclass(frozen=True)
class AlignedHeads:
    """Query of a token and key of its aligned token in every head, after rotary embedding.

    Attributes:
        queries: [H, d] float64, H >= 1.
        keys: [H, d] float64, the key head that each query head reads.
    """

    queries: Array
    keys: Array


def bound(mean_square: Scalar, mean_score: Scalar, head_dim: int) -> Scalar:
    """Largest mean distance of query and key over the heads.

    Args:
        mean_square: mean of |q_m|^2 + |k_m|^2 over the heads.
        mean_score: mean of the scores, the paper's TAS of several heads.
        head_dim: d.

    >>> bound(4.0, 1.0, head_dim=4), bound(4.0, -1.0, head_dim=4)
    (0.0, 2.8284271247461903)
    """
    return sqrt(mean_square - 2 * compute_root(head_dim, mean_score) * mean_score)


def compute_mean(x: Array) -> Scalar:
    """Mean of a nonempty vector."""
    return x.sum() / len(x)


def compute_scores(pair: AlignedHeads) -> Array:
    """[H]: score of every head."""
    scores = [compute_score(query, key) for query, key in zip(pair.queries, pair.keys, strict=True)]
    return np.array(scores, dtype=pair.queries.dtype)


def compute_sides(pair: AlignedHeads) -> Sides:
    """Mean distance of query and key over the heads, and its bound."""
    query_norms, key_norms = compute_row_norms(pair.queries), compute_row_norms(pair.keys)
    mean_square = compute_mean(query_norms * query_norms + key_norms * key_norms)
    right = bound(mean_square, compute_mean(compute_scores(pair)), pair.queries.shape[1])
    left = compute_mean(compute_row_norms(pair.queries - pair.keys))
    return Sides(left, right, trivial=compute_mean(query_norms + key_norms))


def compute_rounding(pair: AlignedHeads) -> float:
    """The square under the root is off as a head's for P-02, (d + 12) u (|q_m| + |k_m|)^2 in the
    mean, and by (H + 2) u of that for the means; it may cancel, so the root is off as derived in
    `compute_root_rounding`. The distances and their mean are off by (d + H + 8) u (|q_m| + |k_m|).
    """
    num_operations = int(sum(pair.queries.shape)) + 14
    sizes = compute_row_norms(pair.queries) + compute_row_norms(pair.keys)
    square_error = num_operations * UNIT_ROUNDOFF * float(np.mean(sizes**2)) + 2.0**-1070
    root = float(compute_sides(pair).right)
    left_error = num_operations * UNIT_ROUNDOFF * float(np.mean(sizes))
    return compute_root_rounding(root, square_error) + left_error


def draw(rng: np.random.Generator) -> AlignedHeads:
    """Two to eight heads (one is P-02), each at its own scale; keys independent or near."""
    shape = int(rng.integers(2, 9)), int(rng.integers(1, 9))
    spread = 10.0 ** (rng.uniform(0, 3) * rng.uniform(-1, 1, (shape[0], 1)))
    queries = 10.0 ** rng.uniform(-6, 6) * spread * rng.standard_normal(shape)
    gap = 10.0 ** rng.uniform(-7, 1) * np.abs(queries).max() * rng.standard_normal(shape)
    return AlignedHeads(queries, queries + gap)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> AlignedHeads:
    """All heads of j, and their keys of j-."""
    token = draw_token(pair, rng)
    return AlignedHeads(token.get_queries(token.token_index), token.get_aligned_keys())


STATEMENT = Statement(
    number="P-05",
    title="mean distance of query and key over the heads",
    source="paper",
    hypotheses=(
        make_finite_hypothesis("queries", "keys"),
        Hypothesis("at least one head", lambda pair: len(pair.queries) >= 1),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
)
