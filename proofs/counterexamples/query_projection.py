"""P-14 needs one position for query and key, and either reading of gamma M needs the other."""

from __future__ import annotations

import numpy as np

from fastcar.proofs import attention, causal_attention, query_projection, temporal_attention_score
from fastcar.proofs.arithmetic import compute_norm
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.reference.rotary import RotaryTable


def get_counterexamples() -> list[Counterexample]:
    """Reading A under the causal mask, reading B with a far self score, and two positions."""
    return [_get_reading_a_alone(), _get_reading_b_alone(), _get_two_positions()]


def _get_reading_a_alone() -> Counterexample:
    """W_Q = W_K and two equal tokens: score term and gamma M are 0, but one sees a key more."""
    query, keys, values = np.array([1.0]), np.array([[1.0], [1.0]]), np.array([[1.0], [-1.0]])
    context = attention.compute_head(query, keys, values)
    other = attention.compute_head(query, keys[:1], values[:1])
    score_term = compute_norm(query - keys[0])
    self_term = query_projection.bound(projection_gap=0.0, normed_norm=1.0)
    return Counterexample(
        "P-14",
        "reading A alone: no term for the fresh keys",
        "d = 1, W_Q = W_K = 1, both tokens 1 with keys 1 and 1, values 1 and -1, one key fresh",
        left=compute_norm(context - other),
        right=attention.bound(score_term + self_term, 0.0, 1, value_norm=1.0),
    )


def _get_reading_b_alone() -> Counterexample:
    """q_j = k_{j-} and no fresh key, so both of its terms are 0; but q_{j-} = -k_{j-}."""
    query, other_query = np.array([1.0]), np.array([-1.0])
    keys = values = np.array([[-1.0], [1.0]])  # the last is k_{j-}
    context = attention.compute_head(query, keys, values)
    other = attention.compute_head(other_query, keys, values)
    score_term = temporal_attention_score.bound(
        1.0, 1.0, 1.0, score=1.0, self_score=1.0, head_dim=1
    )
    return Counterexample(
        "P-14",
        "reading B alone: no term for the self score",
        "d = 1, queries 1 and -1, keys and values -1 and 1, the aligned key 1, no fresh key",
        left=compute_norm(context - other),
        right=causal_attention.bound(score_term, 2.0, 1, value_norm=1.0, fresh_mass=0.0),
    )


def _get_two_positions() -> Counterexample:
    """The published code's score: the query is taken before rotary embedding, the key after it."""
    table = RotaryTable(np.cos([[0.0], [1.0]]), np.sin([[0.0], [1.0]]))
    query = np.array([1.0, 0.0])  # W_Q n = W_K n
    key = table.rotate(query[None], np.array(1))[0]
    return Counterexample(
        "P-14",
        "one position: query before rotary embedding, key after it (published)",
        "d = 2, W_Q = W_K, W_Q n = (1, 0), position 1",
        left=compute_norm(query - key),
        right=query_projection.bound(projection_gap=0.0, normed_norm=1.0),
    )
