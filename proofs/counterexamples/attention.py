"""P-03 needs the diameter of the keys, and the same keys for both tokens."""

from __future__ import annotations

import numpy as np

from fastcar.proofs.arithmetic import compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.attention import AttentionPair, bound, compute_head, compute_sides
from fastcar.proofs.counterexamples.counterexample import Counterexample


def get_counterexamples() -> list[Counterexample]:
    """The largest key norm in place of the diameter, and a key that only one token sees."""
    return [_get_norm_for_diameter(), _get_key_of_one_token()]


def _get_norm_for_diameter() -> Counterexample:
    axis = np.array([[1.0], [-1.0]])
    pair = AttentionPair(np.array([1.0]), np.array([-1.0]), keys=axis, values=axis)
    gap = compute_norm(pair.query - pair.other_query)
    key_norm = get_maximum(compute_row_norms(pair.keys))
    return Counterexample(
        "P-03",
        "diameter of the keys: the largest norm in its place",
        "d = 1, keys 1 and -1, the same as values, queries 1 and -1",
        left=compute_sides(pair).left,
        right=bound(gap, key_norm, 1, value_norm=1.0),
    )


def _get_key_of_one_token() -> Counterexample:
    query, keys, values = np.array([0.0]), np.array([[0.0], [0.0]]), np.array([[1.0], [-1.0]])
    context = compute_head(query, keys, values)
    other = compute_head(query, keys[:1], values[:1])
    return Counterexample(
        "P-03",
        "the same keys for both tokens",
        "d = 1, both queries 0, keys 0 and 0 with values 1 and -1, one token sees the first alone",
        left=compute_norm(context - other),
        right=bound(0.0, 0.0, 1, value_norm=1.0),
    )
