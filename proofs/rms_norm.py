"""P-06: how far root-mean-square normalisation moves two vectors apart.

Claim. Let x, x', g in R^D, eps > 0, rho(z) = sqrt(|z|^2 / D + eps) and n(z) = g * z / rho(z),
element by element. Then |n(x) - n(x')| <= max|g| |x - x'| / r with r = (rho(x) + rho(x')) / 2.

Proof. Lift a = (x, sqrt(D eps)), b = (x', sqrt(D eps)): p = |a| = sqrt(D) rho(x), q = |b| =
sqrt(D) rho(x'), d = |a - b| = |x - x'|, and z / rho(z) is sqrt(D) times the first D elements of the
unit vector. So |n(x) - n(x')| <= max|g| sqrt(D) |a/p - b/q|, and expanding the square,
|a/p - b/q|^2 = 2 - 2 a.b / (p q) = (d^2 - (p - q)^2) / (p q). This is at most (2 d / (p + q))^2:
multiplied by p q (p + q)^2 it says d^2 (p - q)^2 <= (p - q)^2 (p + q)^2, and d <= p + q. Hence
|n(x) - n(x')| <= max|g| sqrt(D) 2 d / (p + q) = max|g| d / r.

The mean-value theorem gives less: its r is the smallest rho on the segment from x to x', for the
derivative (I - z z^T / (D rho^2)) / rho has norm 1 / rho. That r is never above either end's rho,
so the claim with it follows. Neighbours x, x' at right angles to x - x' attain the bound, and so do
opposite vectors.

Source: ours; the paper's theorem on the MLP needs it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm, get_maximum, sqrt
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import (
    UNIT_ROUNDOFF,
    Hypothesis,
    Sides,
    Statement,
    make_finite_hypothesis,
)
from fastcar.reference.rms_norm import compute_rms_norm


@dataclass(frozen=True)
class NormPair:
    """Residual stream of two tokens before the same norm.

    Attributes:
        x: [D] float64, D >= 1.
        other: [D] float64, x'.
        gain: [D] float64, g.
        eps: > 0.
    """

    x: Array
    other: Array
    gain: Array
    eps: float


def bound(distance: Scalar, gain_max: Scalar, radius: Scalar) -> Scalar:
    """Largest distance of the normalised vectors.

    Args:
        distance: |x - x'|.
        gain_max: max|g|.
        radius: r, of `compute_radius` or anything between 0 and that.

    >>> bound(3.0, 2.0, 0.5)
    12.0
    """
    return gain_max * distance / radius


def compute_root_mean_square(x: Array, eps: float) -> Scalar:
    """rho(x) = sqrt(|x|^2 / D + eps) of a vector [D]."""
    return sqrt(x @ x / len(x) + eps)


def compute_radius(x: Array, other: Array, eps: float) -> Scalar:
    """r, the mean of the root mean squares of two vectors [D].

    >>> compute_radius(np.array([3.0]), np.array([-1.0]), 0.0)
    2.0
    """
    return (compute_root_mean_square(x, eps) + compute_root_mean_square(other, eps)) / 2


def compute_sides(pair: NormPair) -> Sides:
    """Distance of the normalised vectors and its bound; trivial: the sum of their norms."""
    normed = compute_rms_norm(pair.x, pair.gain, pair.eps)
    other = compute_rms_norm(pair.other, pair.gain, pair.eps)
    radius = compute_radius(pair.x, pair.other, pair.eps)
    right = bound(compute_norm(pair.x - pair.other), get_maximum(abs(pair.gain)), radius)
    return Sides(
        compute_norm(normed - other), right, trivial=compute_norm(normed) + compute_norm(other)
    )


def compute_rounding(pair: NormPair) -> float:
    """rho is off by (D / 2 + 3) u of itself: a sum of D squares, halved by the root. So every n_i
    is off by (D / 2 + 5) u, and left, a norm of rounded differences, by (D + 10) u times trivial.
    Right: distance (D / 2 + 4) u, r (D / 2 + 5) u, product and quotient 2 u of right. Doubled for
    terms of second order.
    """
    sides = compute_sides(pair)
    return float(2 * UNIT_ROUNDOFF * (len(pair.x) + 12) * (sides.trivial + sides.right))


def draw(rng: np.random.Generator) -> NormPair:
    """Vectors of any norm above and below sqrt(D eps), independent or nearly equal."""
    width = int(rng.integers(1, 7))
    scale = 10.0 ** rng.uniform(-4, 4)
    x = rng.standard_normal(width) * scale
    other = x + rng.standard_normal(width) * scale * 10.0 ** rng.uniform(-6, 1)
    gain = rng.standard_normal(width) * 10.0 ** rng.uniform(-2, 2)
    return NormPair(x, other, gain, float(10.0 ** rng.uniform(-8, 0)))


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> NormPair:
    """Residual streams of j and j- before the MLP's norm."""
    token = draw_token(pair, rng)
    x, other = (token.get_mlp_input(index) for index in token.indices)
    return NormPair(x, other, token.layer.mlp_norm, token.eps)


HAS_EPS: Hypothesis[NormPair] = Hypothesis("eps > 0", lambda pair: pair.eps > 0)

STATEMENT = Statement(
    number="P-06",
    title="distance of two vectors after root-mean-square normalisation",
    source="ours",
    hypotheses=(make_finite_hypothesis("x", "other", "gain"), HAS_EPS),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
)
