"""P-09 without its hypothesis, and with a margin that forgets a term."""

from __future__ import annotations

import numpy as np

from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.fixed_point import QuantizedScore, bound, compute_sides


def get_counterexamples() -> list[Counterexample]:
    """A saturated query; a query and a key that are both rounded."""
    return [_saturate(), _forget_cross_term()]


def _saturate() -> Counterexample:
    """The query needs twice the range that int16 gives it."""
    score = QuantizedScore(np.array([[65536.0]]), np.array([[1.0]]), 1.0, 2.0**-10, 0.0)
    sides = compute_sides(score)
    instance = "q = 65536 in steps of 1, k = 1 in steps of 1/1024: q becomes 32767"
    return Counterexample(
        "P-09", "no element saturates", instance, float(sides.left), float(sides.right)
    )


def _forget_cross_term() -> Counterexample:
    """Half a step each, both rounded up: a margin of first order misses their product."""
    score = QuantizedScore(np.array([[0.5]]), np.array([[0.5]]), 1.0, 1.0, 0.0)
    sides = compute_sides(score)
    cross_term = bound(0.0, 0.0, score.query_scale, score.key_scale, (1, 1))
    instance = "q = k = 1/2, both in steps of 1: both become 1"
    dropped = "the term H d s_q s_k / 4"
    return Counterexample(
        "P-09", dropped, instance, float(sides.left), float(sides.right - cross_term)
    )
