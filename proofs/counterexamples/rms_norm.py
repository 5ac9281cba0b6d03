"""What P-06 needs: the mean radius of both vectors, and the largest gain.

That the radius is taken at the ends only, not on the segment between, is no gap: P-06 proves it.
"""

from __future__ import annotations

import numpy as np

from fastcar.proofs.arithmetic import compute_norm, to_float
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.rms_norm import (
    NormPair,
    bound,
    compute_radius,
    compute_root_mean_square,
    compute_sides,
)

EPS = 1e-6


def get_counterexamples() -> list[Counterexample]:
    """The larger radius instead of the mean; the usual gain instead of the largest."""
    return [_make_larger_radius(), _make_usual_gain()]


def _make_larger_radius() -> Counterexample:
    pair = NormPair(np.array([0.1, 0.0]), np.array([0.0, 10.0]), np.ones(2), EPS)
    larger = compute_root_mean_square(pair.other, EPS)
    left = to_float(compute_sides(pair).left)
    right = bound(compute_norm(pair.x - pair.other), 1.0, larger)
    instance = "x = (0.1, 0), x' = (0, 10), g = 1, eps = 1e-6"
    return Counterexample(
        "P-06", "mean of both radii (the larger one taken)", instance, left, right
    )


def _make_usual_gain() -> Counterexample:
    pair = NormPair(np.array([0.0, 1.0]), np.array([0.1, 1.0]), np.array([1.0, 0.0]), EPS)
    usual = float(np.sqrt(np.mean(pair.gain**2)))
    left = to_float(compute_sides(pair).left)
    radius = compute_radius(pair.x, pair.other, EPS)
    right = bound(compute_norm(pair.x - pair.other), usual, radius)
    instance = "x = (0, 1), x' = (0.1, 1), g = (1, 0), eps = 1e-6"
    dropped = "max|g| (root mean square of g taken)"
    return Counterexample("P-06", dropped, instance, left, right)
