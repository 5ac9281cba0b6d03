"""silu(t) = t / (1 + e^-t) in both arithmetics, with limits on its slope, curvature and minimum.

Slope. With s(t) = 1 / (1 + e^-t): silu'' = s' (2 - t tanh(t / 2)) is even and changes sign only at
t = +-2.3993..., for t tanh(t / 2) increases for t > 0; so silu' is largest at 2.3993..., and as
silu'(t) + silu'(-t) = 1, it is least, 1 - max silu', at -2.3993...

Curvature. silu''(0) = 1/2. |silu''| <= 1/2 because s' <= 1/4, and where the bracket is negative
s' t tanh(t / 2) < t e^-t < 1/2.

Curvature away from 0. |silu''(t)| <= s'(t) max(2, |t| - 2), which falls with |t|: where the bracket
2 - t tanh(t / 2) is positive it is at most 2, else |t| tanh(|t| / 2) - 2 <= |t| - 2. s' = s (1 - s)
is even and falls with |t|, and beyond 4 the product's logarithmic derivative 1 / (|t| - 2) -
tanh(|t| / 2) is below 1/2 - 0.96. At 0 it is 1/2.

Minimum. silu' has one zero: it increases on [-2.3993, 2.3993] from below to above 0, is negative
to the left and above 1 to the right of it.

The tests prove the three constants once more, by subdivision in balls.
"""

from __future__ import annotations

import numpy as np

from fastcar.proofs.arithmetic import Array, Scalar, is_ball_array, is_certain, raise_to
from fastcar.reference import swiglu

SILU_SLOPE = 1.099839320128867
"""At least max silu', and |silu'| is never above it."""

SILU_MINIMUM = -0.2784645427610738
"""At most min silu."""

SILU_CURVATURE = 0.5
"""max|silu''|, exact."""


def compute_silu(x: Array) -> Array:
    """silu of an array, floats or balls."""
    if is_ball_array(x):
        flat = [_compute_ball_silu(element) for element in x.ravel()]
        return np.array(flat, dtype=object).reshape(x.shape)
    return swiglu.compute_silu(x)


def _compute_ball_silu(x: Scalar) -> Scalar:
    if is_certain(x < 0):
        return x * x.exp() / (1 + x.exp())  # no huge exponential
    return x / (1 + (-x).exp())


def compute_silu_slope(x: Array) -> Array:
    """silu'(x) = s(x) (1 + x (1 - s(x))) of an array, floats or balls.

    >>> compute_silu_slope(np.array([-800.0, 0.0, 800.0])).tolist()
    [-0.0, 0.5, 1.0]
    """
    logistic, rest = _compute_logistic(x)
    slope: Array = logistic * (1 + x * rest)
    return slope


def bound_curvature(distance: Array) -> Array:
    """Upper bound of |silu''(t)| over |t| >= distance, of an array of floats or balls at least 0.

    >>> bound_curvature(np.array([0.0, 4.0, 800.0])).round(4).tolist()
    [0.5, 0.0353, 0.0]
    """
    logistic, rest = _compute_logistic(distance)
    bounds: Array = logistic * rest * raise_to(distance - 2.0, 2.0)
    return bounds


def _compute_logistic(x: Array) -> tuple[Array, Array]:
    """s(x) and 1 - s(x), neither by a difference nor by a huge exponential."""
    if is_ball_array(x):
        signs = [not is_certain(element < 0) for element in x.ravel()]
        is_positive = np.array(signs, dtype=bool).reshape(x.shape)
    else:
        is_positive = x >= 0
    decay = np.exp(np.where(is_positive, -x, x))
    small, large = decay / (1 + decay), 1 / (1 + decay)
    return np.where(is_positive, large, small), np.where(is_positive, small, large)
