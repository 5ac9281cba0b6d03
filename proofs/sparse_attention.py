"""P-12: how far apart the attention outputs of two tokens are that see only some keys in common.

Claim. With attention sinks and a local window token j sees the keys S ("shared") and F ("fresh"),
the earlier token j- sees S and G ("stale", since left by the window); each sees at least one key,
and a shared key is the same vector for both (positions of the full sequence, D-08). With rho = mass
of j on F, sigma = mass of j- on G, m and k the larger and the smaller of them, g = sqrt(1 - m),
h = sqrt(1 - k), M_V = max |v| over S, F and G, osc = |q_j - q_{j-}| diam(S) / sqrt(d) and
e = 1 - exp(-osc / 2):
|Attn_j - Attn_{j-}| <= 2 M_V (m + tanh(osc / 4) max(0, h - (h - g) / e)^2), m for osc = 0.

Proof. As for P-04, the distance is at most 2 M_V TV(p, p'), which `fastcar.proofs.shared_variation`
bounds by what stands in the bracket; osc bounds the oscillation over S by P-03.
If nothing is shared, rho = sigma = m = 1 and the bound is 2 M_V, which is trivial. If nothing is
stale, k = 0, h = 1 and it is P-04. With rho = sigma it is (1 - m) tanh(osc / 4) + m. Attained as
P-04 is.

Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs import attention, causal_attention, shared_variation
from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import (
    Array,
    Scalar,
    compute_norm,
    compute_row_norms,
    get_maximum,
)
from fastcar.proofs.attention_rounding import compute_head_rounding, compute_variation_rounding
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import Hypothesis, Sides, Statement, make_finite_hypothesis

NUM_SINKS = 4
"""Sinks of instances from decoded tokens, as in StreamingLLM."""


@dataclass(frozen=True)
class WindowPair:
    """One head of two tokens under sinks and a local window; any part may be empty.

    Attributes:
        query: [d] float64, of j, after rotary embedding.
        other_query: [d] float64, of j-.
        shared_keys: [n, d] float64, seen by both.
        shared_values: [n, d] float64.
        fresh_keys: [f, d] float64, seen by j alone.
        fresh_values: [f, d] float64.
        stale_keys: [g, d] float64, seen by j- alone.
        stale_values: [g, d] float64.
    """

    query: Array
    other_query: Array
    shared_keys: Array
    shared_values: Array
    fresh_keys: Array
    fresh_values: Array
    stale_keys: Array
    stale_values: Array

    @property
    def seen(self) -> tuple[Array, Array]:
        """Keys and values [n + f, d] of j, the shared ones first."""
        keys = np.concatenate([self.shared_keys, self.fresh_keys])
        return keys, np.concatenate([self.shared_values, self.fresh_values])

    @property
    def other_seen(self) -> tuple[Array, Array]:
        """Keys and values [n + g, d] of j-, the shared ones first."""
        keys = np.concatenate([self.shared_keys, self.stale_keys])
        return keys, np.concatenate([self.shared_values, self.stale_values])


def bound(
    query_gap: Scalar,
    key_diameter: Scalar,
    head_dim: int,
    value_norm: Scalar,
    fresh_mass: Scalar,
    stale_mass: Scalar,
) -> Scalar:
    """Largest distance of two attention outputs that see only some keys in common.

    Args:
        query_gap: |q_j - q_{j-}|.
        key_diameter: largest distance of two shared keys.
        head_dim: d.
        value_norm: largest norm of a value that j or j- sees.
        fresh_mass: rho, attention mass of j on keys that it alone sees.
        stale_mass: sigma, attention mass of j- on keys that it alone sees.

    >>> bound(0.0, 3.0, 4, 1.0, 0.25, 0.5), bound(0.0, 3.0, 4, 1.0, 0.25, 0.0)
    (1.0, 0.5)
    """
    oscillation = attention.bound_oscillation(query_gap, key_diameter, head_dim)
    return 2 * value_norm * shared_variation.bound(oscillation, fresh_mass, stale_mass)


def compute_value_norm(pair: WindowPair) -> Scalar:
    """M_V: largest norm of a value that j or j- sees."""
    values = np.concatenate([pair.seen[1], pair.other_seen[1]])
    return get_maximum(compute_row_norms(values))


def compute_sides(pair: WindowPair) -> Sides:
    """Distance of the contexts and its bound."""
    keys, values = pair.seen
    other_keys, other_values = pair.other_seen
    context = attention.compute_head(pair.query, keys, values)
    other = attention.compute_head(pair.other_query, other_keys, other_values)
    value_norm, num_shared = compute_value_norm(pair), len(pair.shared_keys)
    right = bound(
        compute_norm(pair.query - pair.other_query),
        attention.compute_diameter(pair.shared_keys),
        len(pair.query),
        value_norm,
        causal_attention.compute_fresh_mass(pair.query, keys, num_shared),
        causal_attention.compute_fresh_mass(pair.other_query, other_keys, num_shared),
    )
    left = compute_norm(context - other)
    return Sides(left, right, is_right_exact=False, trivial=2 * value_norm)


def compute_rounding(pair: WindowPair) -> float:
    """As for P-04; the bound moves with neither mass by more than 2 M_V times its error."""
    value_norm = float(compute_value_norm(pair))
    own = compute_head_rounding(pair.query, pair.seen[0], value_norm)
    other = compute_head_rounding(pair.other_query, pair.other_seen[0], value_norm)
    mass = 2 * (own + other)
    return own + other + mass + compute_variation_rounding(len(pair.query), value_norm)


def draw(rng: np.random.Generator) -> WindowPair:
    """A pair as for P-03, whose keys are dealt to the three parts; at least one is shared."""
    pair = attention.draw(rng)
    part = rng.integers(3, size=len(pair.keys))
    part[0] = 0
    dealt = [rows[part == index] for index in range(3) for rows in (pair.keys, pair.values)]
    return WindowPair(pair.query, pair.other_query, *dealt)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> WindowPair:
    """Sinks and a window of half a frame to four frames, cut from the same keys."""
    token = draw_token(pair, rng)
    frame = pair.given.tokens_per_frame
    window = int(rng.choice([max(1, frame // 2), frame, 2 * frame, 4 * frame]))
    seen, other_seen = (_get_window(entry, window) for entry in (token.entry, token.aligned_entry))
    parts = [
        np.intersect1d(seen, other_seen),
        np.setdiff1d(seen, other_seen),
        np.setdiff1d(other_seen, seen),
    ]
    head = token.key_head_index
    keys, values = token.get_keys()[head], token.get_values()[head]
    arrays = [array[entries] for entries in parts for array in (keys, values)]
    query, other = (token.get_query(index) for index in token.indices)
    return WindowPair(query, other, *arrays)


def _get_window(entry: int, window: int) -> NDArray[np.int64]:
    """Entries that a token sees: the sinks and the newest `window`, its own included."""
    sinks = np.arange(min(NUM_SINKS, entry + 1))
    return np.union1d(sinks, np.arange(max(0, entry + 1 - window), entry + 1))


STATEMENT = Statement(
    number="P-12",
    title="attention of two queries that see only some keys in common",
    source="ours",
    hypotheses=(
        make_finite_hypothesis(*(field.name for field in fields(WindowPair))),
        Hypothesis(
            "a key for each token", lambda pair: min(len(pair.seen[0]), len(pair.other_seen[0])) > 0
        ),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="As for P-04, with the stale values too.",
)
