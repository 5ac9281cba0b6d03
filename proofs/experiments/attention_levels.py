"""How loose the bounds on attention outputs are on real tokens, from norms to known weights.

Every level bounds |Attn_j - Attn_{j-}| in the setting of P-25, V as there:

- norms: 2 M_V V, which is P-12, and P-04 where nothing is stale.
- diameter: diam(v) V, P-25.
- own logits: diam(v) V with the oscillation of the logits themselves instead of its bound.
- own weights: diam(v) TV(p, p'), the total variation itself.
- keys and values: sum |p_i - p'_i| |v_i - c|, c the output of j: every key with its own value.

The first four are ordered, none above the one before. What the last still loses is that the values
do not all point the same way. A study in float64: rounding is not added.

Source: ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcar.proofs import attention, causal_attention, shared_variation, sparse_attention
from fastcar.proofs.arithmetic import compute_oscillation
from fastcar.proofs.experiments.tightness import Level, make_levels
from fastcar.proofs.sparse_attention import WindowPair
from fastcar.proofs.value_spread import (
    bound_by_weights,
    compute_sides,
    compute_weight_changes,
    get_values,
)

NAMES = ("norms", "diameter", "own logits", "own weights", "keys and values")


def compute_attention_levels(pairs: Sequence[WindowPair]) -> list[Level]:
    """Levels over some pairs of tokens, crude first.

    Raises:
        ArgumentError: no pair has different outputs.
    """
    distances = np.array([compute_sides(pair).left for pair in pairs])
    columns = zip(*(_compute_bounds(pair) for pair in pairs), strict=True)
    return make_levels(distances, dict(zip(NAMES, map(np.array, columns), strict=True)))


def _compute_bounds(pair: WindowPair) -> tuple[float, ...]:
    """One number for each of `NAMES`."""
    diameter = attention.compute_diameter(get_values(pair))
    variation = abs(compute_weight_changes(pair)).sum() / 2
    return (
        sparse_attention.compute_sides(pair).right,
        compute_sides(pair).right,
        diameter * _bound_variation(pair),
        diameter * variation,
        bound_by_weights(pair),
    )


def _bound_variation(pair: WindowPair) -> float:
    """V at the oscillation of the two tokens' own logits."""
    num_shared, head_dim = len(pair.shared_keys), len(pair.query)
    change = pair.shared_keys @ (pair.query - pair.other_query) / np.sqrt(head_dim)
    masses = (
        causal_attention.compute_fresh_mass(query, keys, num_shared)
        for query, keys in ((pair.query, pair.seen[0]), (pair.other_query, pair.other_seen[0]))
    )
    oscillation = compute_oscillation(change) if num_shared else 0.0
    return float(shared_variation.bound(oscillation, *masses))
