"""P-03: how far apart the attention outputs of two tokens that see the same keys can be.

Claim. Two queries q, q' over the same keys k_1..k_n in R^d with values v_1..v_n, n >= 1:
|Attn - Attn'| <= 2 M_V tanh(|q - q'| diam(K) / (4 sqrt(d))), where Attn is the sum of p_i v_i with
p = softmax(<q, k_i> / sqrt(d)), M_V = max |v_i| and diam(K) = max |k_a - k_b|.

Proof. Attn - Attn' is the sum of (p_i - p'_i) v_i, so its norm is at most M_V sum |p_i - p'_i|
= 2 M_V TV(p, p') <= 2 M_V tanh(osc / 4) by P-01, where osc is the oscillation of
z_i = <q - q', k_i> / sqrt(d). z_a - z_b = <q - q', k_a - k_b> / sqrt(d), which Cauchy-Schwarz
bounds by |q - q'| diam(K) / sqrt(d); tanh increases. Two keys k, -k with values v, -v and the
queries q, -q along k attain it.

Source: the idea is the paper's (arXiv:2505.14709v1, theorem on attention), the constants are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs import softmax
from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import (
    Array,
    Scalar,
    compute_norm,
    compute_row_norms,
    compute_softmax,
    get_maximum,
    sqrt,
    to_float,
)
from fastcar.proofs.attention_rounding import compute_bound_rounding
from fastcar.proofs.attention_rounding import compute_head_rounding as compute_head_rounding
from fastcar.proofs.attention_rounding import compute_softmax_rounding as compute_softmax_rounding
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import Hypothesis, Sides, Statement, make_finite_hypothesis


@dataclass(frozen=True)
class AttentionPair:
    """One head of two tokens over the same keys.

    Attributes:
        query: [d] float64, after rotary embedding.
        other_query: [d] float64.
        keys: [n, d] float64, n >= 1.
        values: [n, d] float64.
    """

    query: Array
    other_query: Array
    keys: Array
    values: Array


def bound(query_gap: Scalar, key_diameter: Scalar, head_dim: int, value_norm: Scalar) -> Scalar:
    """Largest distance of two attention outputs over the same keys.

    Args:
        query_gap: |q - q'|.
        key_diameter: largest distance of two keys.
        head_dim: d.
        value_norm: largest norm of a value.

    >>> bound(0.0, 3.0, 4, 1.0), round(bound(2.0, 2.0, 1, 1.0), 4)
    (0.0, 1.5232)
    """
    oscillation = bound_oscillation(query_gap, key_diameter, head_dim)
    return 2 * value_norm * softmax.bound(oscillation)


def bound_oscillation(query_gap: Scalar, key_diameter: Scalar, head_dim: int) -> Scalar:
    """Largest oscillation of the difference of two queries' logits over the same keys.

    >>> bound_oscillation(2.0, 3.0, 4)
    3.0
    """
    return query_gap * key_diameter / compute_root(head_dim, query_gap * key_diameter)


def compute_root(head_dim: int, example: Scalar) -> Scalar:
    """sqrt(d) in the arithmetic of an example, so that a ball is never divided by a rounded root.

    >>> compute_root(4, 0.5)
    2.0
    """
    return sqrt(type(example)(head_dim))


def compute_probabilities(query: Array, keys: Array) -> Array:
    """Attention weights [n] of a query [d] on keys [n, d], n >= 1."""
    return compute_softmax(keys @ query / compute_root(len(query), query[0]))


def compute_head(query: Array, keys: Array, values: Array) -> Array:
    """Context [d] of one query [d] over keys [n, d] and values [n, d], n >= 1."""
    context: Array = compute_probabilities(query, keys) @ values
    return context


def compute_diameter(keys: Array) -> Scalar:
    """Largest distance of two of the keys [n, d], 0 if n < 2.

    In balls it is the distance of the pair that is farthest apart in float64: a lower limit.
    """
    if len(keys) < 2:
        return 0.0
    floats = np.array([to_float(element) for element in keys.ravel()]).reshape(keys.shape)
    floats = floats / (np.abs(floats).max() or 1.0)  # so that no square overflows or vanishes
    farthest = (-1.0, 0, 0)
    for index, key in enumerate(floats[:-1]):
        squares = ((floats[index + 1 :] - key) ** 2).sum(axis=1)
        other = int(squares.argmax())
        farthest = max(farthest, (float(squares[other]), index, index + 1 + other))
    return compute_norm(keys[farthest[1]] - keys[farthest[2]])


def compute_sides(pair: AttentionPair) -> Sides:
    """Distance of the contexts and its bound."""
    context = compute_head(pair.query, pair.keys, pair.values)
    other = compute_head(pair.other_query, pair.keys, pair.values)
    gap = compute_norm(pair.query - pair.other_query)
    value_norm = get_maximum(compute_row_norms(pair.values))
    right = bound(gap, compute_diameter(pair.keys), len(pair.query), value_norm)
    left = compute_norm(context - other)
    return Sides(left, right, is_right_exact=False, trivial=2 * value_norm)


def compute_rounding(pair: AttentionPair) -> float:
    """Both contexts, each as derived in `compute_head_rounding`; the rest in
    `compute_bound_rounding`.
    """
    value_norm = float(get_maximum(compute_row_norms(pair.values)))
    contexts = compute_head_rounding(pair.query, pair.keys, value_norm)
    contexts += compute_head_rounding(pair.other_query, pair.keys, value_norm)
    return contexts + compute_bound_rounding(len(pair.query), value_norm)


def draw(rng: np.random.Generator) -> AttentionPair:
    """Up to eight keys at any scale; the queries independent or nearly equal."""
    num_keys, head_dim = int(rng.integers(1, 9)), int(rng.integers(1, 9))
    key_scale = 10.0 ** rng.uniform(-3, 3)
    query_scale = 10.0 ** rng.uniform(-2, 1.5) / key_scale
    query = query_scale * rng.standard_normal(head_dim)
    gap = query_scale * 10.0 ** rng.uniform(-6, 1) * rng.standard_normal(head_dim)
    keys = key_scale * rng.standard_normal((num_keys, head_dim))
    values = 10.0 ** rng.uniform(-6, 6) * rng.standard_normal((num_keys, head_dim))
    return AttentionPair(query, query + gap, keys, values)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> AttentionPair:
    """Both queries over the keys that both see."""
    token = draw_token(pair, rng)
    query, other = (token.get_query(index) for index in token.indices)
    shared = slice(token.aligned_entry + 1)
    keys, values = token.get_keys(), token.get_values()
    head = token.key_head_index
    return AttentionPair(query, other, keys[head, shared], values[head, shared])


STATEMENT = Statement(
    number="P-03",
    title="attention of two queries over the same keys",
    source="paper",
    hypotheses=(
        make_finite_hypothesis("query", "other_query", "keys", "values"),
        Hypothesis("at least one key", lambda pair: len(pair.keys) >= 1),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="Real queries do not differ along the two keys that are farthest apart, and the "
    "values that gain and lose attention are not opposite.",
)
