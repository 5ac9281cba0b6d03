"""P-05 needs the mean over the heads, and its short form needs normalised vectors."""

from __future__ import annotations

import numpy as np

from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.head_aggregation import AlignedHeads, bound, compute_scores, compute_sides
from fastcar.reference.temporal_attention_score import HeadAggregation, aggregate_heads


def get_counterexamples() -> list[Counterexample]:
    """The maximum in place of the mean; sqrt(1 - mean s) for vectors that are not normalised."""
    return [_get_maximum_of_heads(), _get_short_form()]


def _get_maximum_of_heads() -> Counterexample:
    pair = AlignedHeads(queries=np.array([[1.0], [1.0]]), keys=np.array([[1.0], [-1.0]]))
    score = aggregate_heads(compute_scores(pair), HeadAggregation.MAX).item()
    return Counterexample(
        "P-05",
        "mean over the heads: the largest score in its place",
        "d = 1, two normalised heads, q = k = 1 and q = 1, k = -1: the largest score is 1",
        left=float(compute_sides(pair).left),
        right=bound(2.0, score, head_dim=1),
    )


def _get_short_form() -> Counterexample:
    pair = AlignedHeads(queries=np.array([[3.0], [1.0]]), keys=np.array([[1.0], [-1.0]]))
    score = aggregate_heads(compute_scores(pair), HeadAggregation.MEAN).item()
    return Counterexample(
        "P-05",
        "normalisation: mean |q - k| <= d^(1/4) sqrt(2 (1 - mean s))",
        "d = 1, two heads, q = 3, k = 1 and q = 1, k = -1: the scores 3 and -1 have the mean 1",
        left=float(compute_sides(pair).left),
        right=bound(2.0, score, head_dim=1),
    )
