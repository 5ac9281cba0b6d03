"""P-11 needs the sine: a query that equals the key before rotary is turned away from it."""

from __future__ import annotations

import numpy as np

from fastcar.proofs.arithmetic import compute_norm
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.rotary import RotatedPair, bound, compute_sides
from fastcar.proofs.temporal_attention_score import compute_score


def get_counterexamples() -> list[Counterexample]:
    """The published score alone, of a normalised query that is turned by almost pi."""
    vector = np.array([1.0, 1.0, 0.0, 0.0])
    pair = RotatedPair(vector, vector, position=3, frequencies=np.ones(2))
    norm, score = compute_norm(vector), compute_score(pair.query, pair.key)
    return [
        Counterexample(
            "P-11",
            "term of the rotation: the published score as if it were the paper's",
            "d = 4, rope_theta = 1, position 3 (3 radians): q = k = (1, 1, 0, 0), normalised, "
            f"so the published s = {score:g}",
            left=compute_sides(pair).left,
            right=bound(norm, norm, score, largest_sine=0.0, head_dim=4),
        )
    ]
