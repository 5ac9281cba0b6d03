"""silu(t) = t / (1 + e^-t) in both arithmetics, with limits on its slope, curvature and minimum.

Slope. With s(t) = 1 / (1 + e^-t): silu'' = s' (2 - t tanh(t / 2)) is even and changes sign only at
t = +-2.3993..., for t tanh(t / 2) increases for t > 0; so silu' is largest at 2.3993..., and as
silu'(t) + silu'(-t) = 1, it is least, 1 - max silu', at -2.3993...

Curvature. silu''(0) = 1/2. |silu''| <= 1/2 because s' <= 1/4, and where the bracket is negative
s' t tanh(t / 2) < t e^-t < 1/2.

Minimum. silu' has one zero: it increases on [-2.3993, 2.3993] from below to above 0, is negative
to the left and above 1 to the right of it.

The tests prove the three constants once more, by subdivision in balls.
"""

from __future__ import annotations

import numpy as np

from fastcar.proofs.arithmetic import Array, Scalar, is_ball_array, is_certain
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
