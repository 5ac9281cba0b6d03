"""P-02 needs the self-score of the earlier token, and its short form needs normalised vectors."""

from __future__ import annotations

import numpy as np

from fastcar.proofs.arithmetic import compute_norm
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.temporal_attention_score import (
    AlignedQueries,
    compute_key_gap,
    compute_score,
    compute_sides,
)


def get_counterexamples() -> list[Counterexample]:
    """TAS alone, which says nothing of q_{j-}; sqrt(1 - s) for vectors that are not normalised."""
    return [_get_score_alone(), _get_short_form()]


def _get_score_alone() -> Counterexample:
    pair = AlignedQueries(np.array([1.0]), np.array([-1.0]), key=np.array([1.0]))
    score = compute_score(pair.query, pair.key)
    return Counterexample(
        "P-02",
        "term of the self-score",
        "d = 1, normalised: q_j = k = 1, so s = 1; q_{j-} = -1",
        left=compute_sides(pair).left,
        right=compute_key_gap(1.0, 1.0, score, head_dim=1),
    )


def _get_short_form() -> Counterexample:
    query, key = np.array([2.0]), np.array([0.5])
    score = compute_score(query, key)
    return Counterexample(
        "P-02",
        "normalisation: |q - k| <= d^(1/4) sqrt(2 (1 - s))",
        "d = 1, q = 2, k = 1/2: s = 1, as for equal normalised vectors",
        left=compute_norm(query - key),
        right=compute_key_gap(1.0, 1.0, score, head_dim=1),
    )
