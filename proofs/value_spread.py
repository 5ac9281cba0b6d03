"""P-25: attention of two queries that see only some keys in common, by the spread of their values.

Claim. In the setting of P-12 let p and p' be the attention weights of j and j- over the keys that
either sees (0 on a key that it does not see), v_i the values, and V the total variation that P-12
bounds theirs by: m + tanh(osc / 4) max(0, h - (h - g) / e)^2. Then

    |Attn_j - Attn_{j-}| <= diam(v) V,  diam(v) = max |v_a - v_b| over all values that either sees,

which is never above P-12; and the distance is at most sum |p_i - p'_i| |v_i - c| for every point c.

Proof. Let w = sum of max(0, p_i - p'_i), the total variation. Both distributions sum to 1, so w is
the sum of max(0, p'_i - p_i) too; w = 0 leaves nothing to prove. The difference is w (a - b), a the
mean of the values with weights max(0, p_i - p'_i) / w, b with max(0, p'_i - p_i) / w. Two points of
a convex hull are not farther apart than two of the points it is spanned by: |a - b| <= diam(v), and
w <= V as for P-12. diam(v) <= 2 M_V by the triangle inequality. Second: sum (p_i - p'_i) c = 0, so
the difference is the sum of (p_i - p'_i) (v_i - c).
Attained as P-12 is; there, values v and -v have the diameter 2 M_V.

The diameter is the exact one, from all pairs of values. What costs only one pass, twice the radius
of a ball around their mean, bounds it too and is on real tokens above 2 M_V. The second form needs
the weights of both tokens, that is both attentions: it says what of the distance is left to the
directions of the values (`fastcar.proofs.experiments.attention_levels`).

Source: ours.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from fastcar.proofs import attention, causal_attention, shared_variation, sparse_attention
from fastcar.proofs.aligned_token import AlignedToken, draw_token
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.sparse_attention import WindowPair
from fastcar.proofs.statement import UNIT_ROUNDOFF, Hypothesis, Sides, Statement
from fastcar.proofs.statement import make_finite_hypothesis as make_finite


def bound(value_diameter: Scalar, variation: Scalar) -> Scalar:
    """Largest distance of two means of values whose weights have that total variation.

    >>> bound(3.0, 0.5)
    1.5
    """
    return value_diameter * variation


def get_values(pair: WindowPair) -> Array:
    """[n + f + g, d], all values: shared, fresh, stale."""
    return np.concatenate([pair.shared_values, pair.fresh_values, pair.stale_values])


def compute_variation(pair: WindowPair) -> Scalar:
    """V, from norms of queries and keys and the masses of both tokens."""
    num_shared = len(pair.shared_keys)
    oscillation = attention.bound_oscillation(
        compute_norm(pair.query - pair.other_query),
        attention.compute_diameter(pair.shared_keys),
        len(pair.query),
    )
    return shared_variation.bound(
        oscillation,
        causal_attention.compute_fresh_mass(pair.query, pair.seen[0], num_shared),
        causal_attention.compute_fresh_mass(pair.other_query, pair.other_seen[0], num_shared),
    )


def compute_weight_changes(pair: WindowPair) -> Array:
    """p - p' over shared, fresh and stale keys, [n + f + g]."""
    num_shared = len(pair.shared_keys)
    own = attention.compute_probabilities(pair.query, pair.seen[0])
    other = attention.compute_probabilities(pair.other_query, pair.other_seen[0])
    shared = own[:num_shared] - other[:num_shared]
    return np.concatenate([shared, own[num_shared:], -other[num_shared:]])


def bound_by_weights(pair: WindowPair) -> Scalar:
    """Second form, c being the attention output of j."""
    centre = attention.compute_head(pair.query, *pair.seen)
    distances = compute_row_norms(get_values(pair) - centre)
    return (abs(compute_weight_changes(pair)) * distances).sum()


def compute_sides(pair: WindowPair) -> Sides:
    """Distance of the contexts and its bound; both contexts lie in the hull of the values."""
    diameter = attention.compute_diameter(get_values(pair))
    left = compute_norm(
        attention.compute_head(pair.query, *pair.seen)
        - attention.compute_head(pair.other_query, *pair.other_seen)
    )
    right = bound(diameter, compute_variation(pair))
    return Sides(left, right, is_right_exact=False, trivial=diameter)


def compute_rounding(pair: WindowPair) -> float:
    """As for P-12, M_V for the values' size; the diameter in its place is a distance of two values,
    off by a factor 1 + (d + 8) u, and at most 2 M_V.
    """
    value_norm = float(get_maximum(compute_row_norms(get_values(pair))))
    diameter = 2 * value_norm * UNIT_ROUNDOFF * (len(pair.query) + 8)
    return sparse_attention.compute_rounding(pair) + diameter


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> WindowPair:
    """J sees one frame more than j-, as for P-04."""
    return make_window_pair(draw_token(pair, rng))


def make_window_pair(token: AlignedToken) -> WindowPair:
    """One head of a token and of its aligned token, without stale keys."""
    causal = causal_attention.get_pair(token)
    shared, fresh = slice(causal.num_shared), slice(causal.num_shared, None)
    parts = [part[place] for place in (shared, fresh) for part in (causal.keys, causal.values)]
    parts += [causal.keys[:0], causal.values[:0]]
    return WindowPair(causal.query, causal.other_query, *parts)


STATEMENT = Statement(
    number="P-25",
    title="attention of two queries, by the spread of the values",
    source="ours",
    hypotheses=(
        make_finite(*(field.name for field in fields(WindowPair))),
        Hypothesis(
            "a key for each token", lambda pair: min(len(pair.seen[0]), len(pair.other_seen[0])) > 0
        ),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=sparse_attention.draw,
    draw_decoded=draw_decoded,
    looseness="As for P-04; and few values are as far apart as the farthest two.",
)
