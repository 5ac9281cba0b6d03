"""P-02: how far apart the queries of two tokens can be when both attend to the same key.

Claim. For q_j, q_{j-} and k = k_{j-} in R^d, with the scores s = <q_j, k> / sqrt(d) (the Temporal
Attention Score, TAS) and s' = <q_{j-}, k> / sqrt(d) (the self-score of j-):
|q_j - q_{j-}| <= sqrt(|q_j|^2 + |k|^2 - 2 sqrt(d) s) + sqrt(|q_{j-}|^2 + |k|^2 - 2 sqrt(d) s').

Proof. |q - k|^2 = |q|^2 + |k|^2 - 2 <q, k> and <q, k> = sqrt(d) s, so the roots are |q_j - k| and
|q_{j-} - k|: the triangle inequality. It is attained where k lies between the queries. In the
paper's normalised regime, |q|^2 = |k|^2 = sqrt(d), the first root is d^(1/4) sqrt(2 (1 - s)), the
sqrt(1 - s) of the paper's theorem.

TAS alone bounds nothing: q_{j-} occurs only in the second root, which the paper's gamma M has to
cover. Without normalisation s alone does not even bound |q_j - k|.

Source: the idea is the paper's (arXiv:2505.14709v1), the self-score and the constants are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm, sqrt
from fastcar.proofs.attention import compute_root
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import UNIT_ROUNDOFF, Sides, Statement, make_finite_hypothesis


@dataclass(frozen=True)
class AlignedQueries:
    """One head of two tokens and the key of the earlier one, all after rotary embedding.

    Attributes:
        query: [d] float64, q_j, d >= 1.
        other_query: [d] float64, q_{j-}.
        key: [d] float64, k_{j-}.
    """

    query: Array
    other_query: Array
    key: Array


def bound(
    query_norm: Scalar,
    other_norm: Scalar,
    key_norm: Scalar,
    score: Scalar,
    self_score: Scalar,
    head_dim: int,
) -> Scalar:
    """Largest distance of two queries with these norms and scores on one key.

    Args:
        query_norm: |q_j|.
        other_norm: |q_{j-}|.
        key_norm: |k_{j-}|.
        score: s, TAS of j.
        self_score: s', score of j- on its own key.
        head_dim: d.

    >>> bound(1.0, 1.0, 1.0, 1.0, 1.0, head_dim=1), bound(1.0, 1.0, 1.0, 1.0, -1.0, head_dim=1)
    (0.0, 2.0)
    """
    own = compute_key_gap(query_norm, key_norm, score, head_dim)
    return own + compute_key_gap(other_norm, key_norm, self_score, head_dim)


def compute_key_gap(query_norm: Scalar, key_norm: Scalar, score: Scalar, head_dim: int) -> Scalar:
    """|q - k| from the norms and the score: sqrt(|q|^2 + |k|^2 - 2 sqrt(d) s)."""
    # Products, because the power of a ball around 0 is no number.
    squares = query_norm * query_norm + key_norm * key_norm
    return sqrt(squares - 2 * compute_root(head_dim, score) * score)


def compute_score(query: Array, key: Array) -> Scalar:
    """<q, k> / sqrt(d) of a query [d] and a key [d], both after rotary embedding."""
    return query @ key / compute_root(len(query), query[0])


def compute_sides(pair: AlignedQueries) -> Sides:
    """Distance of the queries and its bound."""
    query_norm, other_norm = compute_norm(pair.query), compute_norm(pair.other_query)
    right = bound(
        query_norm,
        other_norm,
        compute_norm(pair.key),
        compute_score(pair.query, pair.key),
        compute_score(pair.other_query, pair.key),
        len(pair.query),
    )
    return Sides(
        compute_norm(pair.query - pair.other_query), right, trivial=query_norm + other_norm
    )


def compute_root_rounding(root: float, square_error: float) -> float:
    """Limit on the float64 error of a square root whose square cancels.

    Args:
        root: the float64 result, 0 where the square came out negative.
        square_error: limit on the absolute error of the square.

    With b the root and a the exact one, |a - b| = |a^2 - b^2| / (a + b), which is at most the
    square root of the numerator and at most the numerator over b; the root itself rounds by u b.
    """
    far_from_zero = square_error / root if root > 0 else np.inf
    return min(float(np.sqrt(square_error)), far_from_zero) + UNIT_ROUNDOFF * root


def compute_key_gap_rounding(query: Array, key: Array) -> float:
    """Limit on the float64 error of `compute_key_gap` for a query [d] and a key [d].

    A squared norm carries a factor 1 + (d + 7) u, the product 2 sqrt(d) s one of 1 + (d + 5) u
    relative to 2 |q| |k|, two additions 2 u of (|q| + |k|)^2, so that bounds the square's error
    with (d + 12) u; what underflows adds less than 2^-1070.
    """
    query_norm, key_norm = float(compute_norm(query)), float(compute_norm(key))
    root = float(compute_key_gap(query_norm, key_norm, compute_score(query, key), len(query)))
    square_error = (len(query) + 12) * UNIT_ROUNDOFF * (query_norm + key_norm) ** 2 + 2.0**-1070
    return compute_root_rounding(root, square_error)


def compute_rounding(pair: AlignedQueries) -> float:
    """Both roots, each as derived in `compute_key_gap_rounding`, and u times their sum; the
    distance, a subtraction and a norm, is off by (d + 6) u (|q_j| + |q_{j-}|).
    """
    size = sum(float(compute_norm(part)) for part in (pair.query, pair.other_query, pair.key))
    roots = compute_key_gap_rounding(pair.query, pair.key)
    roots += compute_key_gap_rounding(pair.other_query, pair.key)
    return roots + UNIT_ROUNDOFF * (len(pair.query) + 8) * size


def draw(rng: np.random.Generator) -> AlignedQueries:
    """A key at any scale; queries independent of it, or nearly equal to it."""
    head_dim = int(rng.integers(1, 9))
    key = 10.0 ** rng.uniform(-6, 6) * rng.standard_normal(head_dim)
    reach = 10.0 ** rng.uniform(-7, 1, (2, 1)) * float(compute_norm(key))
    gaps = reach * rng.standard_normal((2, head_dim))
    query, other_query = rng.integers(2, size=(2, 1)) * key + gaps
    return AlignedQueries(query, other_query, key)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> AlignedQueries:
    """Queries of j and j-, and the key of j-."""
    token = draw_token(pair, rng)
    query, other = (token.get_query(index) for index in token.indices)
    return AlignedQueries(query, other, token.get_aligned_keys()[token.head_index])


STATEMENT = Statement(
    number="P-02",
    title="distance of two queries with scores on the same key",
    source="paper",
    hypotheses=(make_finite_hypothesis("query", "other_query", "key"),),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="Real keys do not lie between the two queries, where the triangle inequality is "
    "tight.",
)
