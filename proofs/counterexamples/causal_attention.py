"""P-04 needs the mass on the fresh keys, and the values of the fresh keys as well."""

from __future__ import annotations

import numpy as np

from fastcar.proofs import attention
from fastcar.proofs.arithmetic import compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.causal_attention import CausalPair, bound, compute_fresh_mass, compute_sides
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.temporal_attention_score import compute_score


def get_counterexamples() -> list[Counterexample]:
    """The mass left out, though query and key say that nothing changed; fresh values left out."""
    return [_get_dropped_mass(), _get_shared_values_only()]


def _get_dropped_mass() -> Counterexample:
    tokens = np.array([[1.0], [-1.0], [1.0]])
    query, aligned_key = tokens[-1], tokens[0]
    pair = CausalPair(query, query, keys=tokens, values=tokens, num_shared=1)
    score = compute_score(query, aligned_key)
    return Counterexample(
        "P-04",
        "mass on the fresh keys",
        "d = 1, W_Q = W_K = W_V = 1, two tokens a frame, x = 1, -1, 1: "
        f"x_j = x_{{j-}} and s = {score:g}, the score of a token with itself",
        left=compute_sides(pair).left,
        right=attention.bound(compute_norm(pair.query - pair.other_query), 0.0, 1, value_norm=1.0),
    )


def _get_shared_values_only() -> Counterexample:
    query, keys, values = np.array([0.0]), np.zeros((2, 1)), np.array([[1.0], [-3.0]])
    pair = CausalPair(query, query, keys, values, num_shared=1)
    value_norm = get_maximum(compute_row_norms(values[: pair.num_shared]))
    return Counterexample(
        "P-04",
        "values of the fresh keys: the largest norm of a shared one in their place",
        "d = 1, queries and keys 0, shared value 1, fresh value -3",
        left=compute_sides(pair).left,
        right=float(bound(0.0, 0.0, 1, value_norm, compute_fresh_mass(query, keys, 1))),
    )
