"""P-07: how far the outputs of the MLP are apart for two normalised inputs.

Claim. Let y(n) = W_d (silu(W_g n) * (W_u n)), g = W_g n, u' = W_u n', silu(t) = t / (1 + e^-t) and
L = `SILU_SLOPE`. Then |y(n) - y(n')| <= |W_d| (max|silu(g)| |W_u| + L max|u'| |W_g|) |n - n'|, with
spectral norms of the matrices and Euclidean norms of the vectors.

Proof. With g', u of the other token, element by element,
silu(g) u - silu(g') u' = silu(g) (u - u') + (silu(g) - silu(g')) u'. The norm of the first term is
at most max|silu(g)| |W_u (n - n')|; in the second |silu(g_i) - silu(g'_i)| <= L |g_i - g'_i|, so
that its norm is at most L max|u'| |W_g (n - n')|. The triangle inequality and W_d give the claim.
One neuron at g = 2.3993... with u of the same sign attains it in the limit n' -> n.

L bounds silu'. With s(t) = 1 / (1 + e^-t): silu'' = s' (2 - t tanh(t / 2)) is even and changes sign
only at t = +-2.3993..., for t tanh(t / 2) increases for t > 0; so silu' is largest at 2.3993...,
and as silu'(t) + silu'(-t) = 1, it is at least 1 - L everywhere. |silu''| <= 1/2 = silu''(0)
(`SILU_CURVATURE`) because s' <= 1/4, and where the bracket is negative s' t tanh(t / 2) < t e^-t <
1/2. silu is least where silu' = 0 (`SILU_MINIMUM`). The tests prove the three constants once more,
by subdivision in balls.

Source: the paper's idea that the MLP is Lipschitz (for bounded inputs), our constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proofs.arithmetic import Array, Scalar, compute_norm, get_maximum, is_ball_array, is_certain
from proofs.spectral_norm import compute_error, compute_gamma, compute_spectral_norm
from proofs.statement import UNIT_ROUNDOFF, Check, Sides, Statement, make_finite_hypothesis
from reference import swiglu

SILU_SLOPE = 1.099839320128867
"""At least max silu', and |silu'| is never above it."""

SILU_MINIMUM = -0.2784645427610738
"""At most min silu."""

SILU_CURVATURE = 0.5
"""max|silu''|, exact."""

UNDERFLOW = 2.0**-900
"""What all underflowing operations (2^-1075 each) come to together, for numbers up to 10^8."""


@dataclass(frozen=True)
class SwiGLUPair:
    """An MLP and two inputs; D = width, F = inner width.

    Attributes:
        gate_proj: [F, D] float64, W_g.
        up_proj: [F, D] float64, W_u.
        down_proj: [D, F] float64, W_d.
        normed: [D] float64, n.
        other: [D] float64, n'.
    """

    gate_proj: Array
    up_proj: Array
    down_proj: Array
    normed: Array
    other: Array


@dataclass(frozen=True)
class Extent:
    """What the constant depends on; floats or balls.

    Attributes:
        down_norm: |W_d|.
        up_norm: |W_u|.
        gate_norm: |W_g|.
        activation_max: max|silu(g)|.
        up_max: max|u'|.
    """

    down_norm: Scalar
    up_norm: Scalar
    gate_norm: Scalar
    activation_max: Scalar
    up_max: Scalar


def bound(distance: Scalar, extent: Extent) -> Scalar:
    """Largest distance of the outputs.

    Args:
        distance: |n - n'|.
        extent: norms and maxima, or anything above them.

    >>> round(bound(0.5, Extent(1.0, 2.0, 2.0, 1.0, 0.0)), 4)
    1.0
    """
    slope = extent.activation_max * extent.up_norm + SILU_SLOPE * extent.up_max * extent.gate_norm
    return extent.down_norm * slope * distance


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


def compute_swiglu(gate_proj: Array, up_proj: Array, down_proj: Array, normed: Array) -> Array:
    """Output [D] of the MLP for a normalised input [D]."""
    output: Array = down_proj @ (compute_silu(gate_proj @ normed) * (up_proj @ normed))
    return output


def compute_extent(pair: SwiGLUPair) -> Extent:
    """Norms and maxima of a pair."""
    return Extent(
        compute_spectral_norm(pair.down_proj),
        compute_spectral_norm(pair.up_proj),
        compute_spectral_norm(pair.gate_proj),
        get_maximum(abs(compute_silu(pair.gate_proj @ pair.normed))),
        get_maximum(abs(pair.up_proj @ pair.other)),
    )


def compute_sides(pair: SwiGLUPair) -> Sides:
    """Distance of the outputs and its bound; trivial: the sum of their norms."""
    matrices = pair.gate_proj, pair.up_proj, pair.down_proj
    output = compute_swiglu(*matrices, pair.normed)
    other = compute_swiglu(*matrices, pair.other)
    return Sides(
        compute_norm(output - other),
        bound(compute_norm(pair.normed - pair.other), compute_extent(pair)),
        is_right_exact=False,
        trivial=compute_norm(output) + compute_norm(other),
    )


@dataclass(frozen=True)
class Propagation:
    """Limits on what float64 and an error of the input do to one run of the MLP.

    Attributes:
        activation: on the error of every silu(g_i).
        up: on the error of every u_i.
        output: on the norm of the error of y.
    """

    activation: float
    up: float
    output: float


def compute_propagation(
    gate_proj: Array, up_proj: Array, down_proj: Array, normed: Array, error: Array
) -> Propagation:
    """Follow rounding through the MLP.

    A product with a matrix adds gamma_k |W| |x| to |W| times the error of x. silu multiplies an
    error by at most L and adds 8 u of itself (exponential 2 u, seen twice, and four operations).
    Doubled for terms of second order and the rounding of this very calculation.

    Args:
        gate_proj: [F, D].
        up_proj: [F, D].
        down_proj: [D, F].
        normed: [D] float64, as computed.
        error: [D], limits on its error.
    """
    gate, up = gate_proj @ normed, up_proj @ normed
    activation, hidden = compute_silu(gate), compute_silu(gate) * up
    input_error = compute_gamma(len(normed)) * abs(normed) + error
    gate_error, up_error = abs(gate_proj) @ input_error, abs(up_proj) @ input_error
    activation_error = SILU_SLOPE * gate_error + 8 * UNIT_ROUNDOFF * abs(activation)
    hidden_error = abs(activation) * up_error + activation_error * (abs(up) + up_error)
    sum_error = compute_gamma(len(gate) + 2) * abs(hidden)
    output_error = compute_norm(abs(down_proj) @ (hidden_error + sum_error))
    limits = get_maximum(activation_error), get_maximum(up_error), output_error
    return Propagation(*(2 * limit + UNDERFLOW for limit in limits))


def compute_bound_rounding(distance: float, extent: Extent, errors: Extent, error: float) -> float:
    """Limit on the error of `bound`: it rises with all arguments and is convex in each.

    Args:
        distance: as computed.
        extent: as computed.
        errors: limit on the error of each of its numbers.
        error: limit on the error of the distance.
    """
    names = Extent.__dataclass_fields__
    raised = Extent(**{name: getattr(extent, name) + getattr(errors, name) for name in names})
    above = bound(distance + error, raised)
    return float(above - bound(distance, extent) + 8 * UNIT_ROUNDOFF * above)


def compute_rounding(pair: SwiGLUPair) -> float:
    """Left: the errors of both outputs, and (D + 4) u of trivial for difference and norm. Right:
    the proven errors of the spectral norms, those of silu(g) and u', and (D + 4) u of the distance.
    """
    width = len(pair.normed)
    matrices = pair.gate_proj, pair.up_proj, pair.down_proj
    own = compute_propagation(*matrices, pair.normed, np.zeros(width))
    other = compute_propagation(*matrices, pair.other, np.zeros(width))
    errors = compute_extent_errors(pair, own.activation, other.up)
    distance = compute_norm(pair.normed - pair.other)
    roundoff = UNIT_ROUNDOFF * (width + 4)
    left = own.output + other.output + roundoff * compute_sides(pair).trivial
    extent = compute_extent(pair)
    return float(left + compute_bound_rounding(distance, extent, errors, roundoff * distance))


def compute_extent_errors(pair: SwiGLUPair, activation: float, up: float) -> Extent:
    """Limits on the errors of `compute_extent`, given those of silu(g) and u'."""
    return Extent(
        compute_error(pair.down_proj),
        compute_error(pair.up_proj),
        compute_error(pair.gate_proj),
        activation,
        up,
    )


def draw(rng: np.random.Generator) -> SwiGLUPair:
    """Matrices and inputs of any size, gate values around 1, inputs independent or near."""
    width, inner = (int(size) for size in rng.integers(1, 5, 2))
    scales = 10.0 ** rng.uniform(-2, 2, 3)
    normed = rng.standard_normal(width) * scales[0]
    gap = rng.standard_normal(width) * scales[0] * 10.0 ** rng.uniform(-6, 1)
    return SwiGLUPair(
        rng.standard_normal((inner, width)) * 10.0 ** rng.uniform(-1, 1) / scales[0],
        rng.standard_normal((inner, width)) * scales[1],
        rng.standard_normal((width, inner)) * scales[2],
        normed,
        normed + gap,
    )


STATEMENT = Statement(
    number="P-07",
    title="distance of two outputs of the MLP",
    source="paper",
    hypotheses=(make_finite_hypothesis("gate_proj", "up_proj", "down_proj", "normed", "other"),),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
)


def check(pair: SwiGLUPair) -> Check:
    """Compare both sides in float64."""
    return STATEMENT.check(pair)
