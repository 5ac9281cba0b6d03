"""P-04: how far apart the attention outputs of two tokens are when one sees more keys.

Claim. Under the causal mask token j- sees the keys S ("shared", at least one) and the later token j
sees S and the fresh keys F. With rho = attention mass of j on F, M_V = max |v| over S and F,
osc = |q_j - q_{j-}| diam(S) / sqrt(d), g = sqrt(1 - rho) and e = 1 - exp(-osc / 2):
|Attn_j - Attn_{j-}| <= 2 M_V (rho + tanh(osc / 4) max(0, 1 - (1 - g) / e)^2), rho for osc = 0.

Proof. Let p and p' be the attention weights of j and j- (0 on F). The difference is the sum of
(p_i - p'_i) v_i, so at most M_V sum |p_i - p'_i| = 2 M_V TV(p, p'). `fastcar.proofs.
shared_variation` bounds TV with sigma = 0; the oscillation of the logits' difference over S is at
most osc by P-03, and the bound increases with it. With a = exp(osc / 2) the bracket is
(a - g)^2 / (a^2 - 1) where a g > 1, else rho.

Attained for every rho and osc: TV is exact, one or two shared keys reach it, and it is passed on
where all keys lie on a line along q_j - q_{j-}, and the keys that j- attends to more have the
value v, all others -v. At the ends: rho = 0 is P-03; osc = 0, or one shared key, is 2 M_V rho.

Source: ours. The idea behind the theorem is the paper's (arXiv:2505.14709v1); the term rho is what
a causal mask makes necessary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs import attention, shared_variation
from fastcar.proofs.aligned_token import AlignedToken, draw_token
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.attention_rounding import compute_head_rounding, compute_variation_rounding
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import Hypothesis, Sides, Statement, make_finite_hypothesis


@dataclass(frozen=True)
class CausalPair:
    """One head of two tokens, the later of which sees more keys.

    Attributes:
        query: [d] float64, of j, after rotary embedding.
        other_query: [d] float64, of j-.
        keys: [n, d] float64, all that j sees, those that j- sees first.
        values: [n, d] float64.
        num_shared: keys that both see, 1 to n.
    """

    query: Array
    other_query: Array
    keys: Array
    values: Array
    num_shared: int


def bound(
    query_gap: Scalar,
    key_diameter: Scalar,
    head_dim: int,
    value_norm: Scalar,
    fresh_mass: Scalar,
) -> Scalar:
    """Largest distance of two attention outputs of which one sees more keys.

    Args:
        query_gap: |q_j - q_{j-}|.
        key_diameter: largest distance of two shared keys.
        head_dim: d.
        value_norm: largest norm of a value, shared or fresh.
        fresh_mass: rho, attention mass of j on keys that it alone sees, 0 to 1.

    >>> bound(0.0, 3.0, 4, 1.0, 0.25), bound(2.0, 2.0, 1, 1.0, 1.0)
    (0.5, 2.0)
    """
    oscillation = attention.bound_oscillation(query_gap, key_diameter, head_dim)
    return 2 * value_norm * shared_variation.bound(oscillation, fresh_mass)


def compute_fresh_mass(query: Array, keys: Array, num_shared: int) -> Scalar:
    """rho: sum of the attention weights of a query [d] on keys [n, d] after the shared ones."""
    return attention.compute_probabilities(query, keys)[num_shared:].sum()


def compute_sides(pair: CausalPair) -> Sides:
    """Distance of the contexts and its bound."""
    shared = pair.keys[: pair.num_shared]
    context = attention.compute_head(pair.query, pair.keys, pair.values)
    other = attention.compute_head(pair.other_query, shared, pair.values[: pair.num_shared])
    value_norm = get_maximum(compute_row_norms(pair.values))
    right = bound(
        compute_norm(pair.query - pair.other_query),
        attention.compute_diameter(shared),
        len(pair.query),
        value_norm,
        compute_fresh_mass(pair.query, pair.keys, pair.num_shared),
    )
    left = compute_norm(context - other)
    return Sides(left, right, is_right_exact=False, trivial=2 * value_norm)


def compute_rounding(pair: CausalPair) -> float:
    """As for P-03, and rho: it is off by the sum of the probabilities' errors and n u, which
    `compute_head_rounding` bounds too, times M_V; the bound moves by at most 2 M_V times that.
    """
    value_norm = float(get_maximum(compute_row_norms(pair.values)))
    shared = pair.keys[: pair.num_shared]
    own = compute_head_rounding(pair.query, pair.keys, value_norm)
    other = compute_head_rounding(pair.other_query, shared, value_norm)
    mass = 2 * own
    return own + other + mass + compute_variation_rounding(len(pair.query), value_norm)


def draw(rng: np.random.Generator) -> CausalPair:
    """A pair as for P-03, of whose keys the first few are shared."""
    pair = attention.draw(rng)
    num_shared = int(rng.integers(1, len(pair.keys) + 1))
    return CausalPair(pair.query, pair.other_query, pair.keys, pair.values, num_shared)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> CausalPair:
    """J sees one frame more than j-."""
    return get_pair(draw_token(pair, rng))


def get_pair(token: AlignedToken) -> CausalPair:
    """One head of a token and of its aligned token."""
    query, other = (token.get_query(index) for index in token.indices)
    head = token.key_head_index
    keys, values = token.get_keys()[head], token.get_values()[head]
    return CausalPair(query, other, keys, values, token.aligned_entry + 1)


STATEMENT = Statement(
    number="P-04",
    title="attention of two queries, one of which sees more keys",
    source="ours",
    hypotheses=(
        make_finite_hypothesis("query", "other_query", "keys", "values"),
        Hypothesis("at least one shared key", lambda pair: 1 <= pair.num_shared <= len(pair.keys)),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="As for P-03; and the values that lose attention are not opposite to those that "
    "gain it.",
)
