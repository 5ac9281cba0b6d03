"""P-07: how far the outputs of the MLP are apart for two normalised inputs.

Claim. Let y(n) = W_d (silu(W_g n) * (W_u n)), g = W_g n, u' = W_u n', silu(t) = t / (1 + e^-t) and
L = max silu' (`fastcar.proofs.silu`). Then, with spectral norms of matrices and Euclidean ones of
vectors,
|y(n) - y(n')| <= |W_d| (max|silu(g)| |W_u| + L max|u'| |W_g|) |n - n'|.

Proof. With g', u of the other token, element by element,
silu(g) u - silu(g') u' = silu(g) (u - u') + (silu(g) - silu(g')) u'. The norm of the first term is
at most max|silu(g)| |W_u (n - n')|; in the second |silu(g_i) - silu(g'_i)| <= L |g_i - g'_i|, so
that its norm is at most L max|u'| |W_g (n - n')|. The triangle inequality and W_d give the claim.
One neuron at g = 2.3993... with u of the same sign attains it in the limit n' -> n.

Source: the paper's idea that the MLP is Lipschitz (for bounded inputs), our constant.
"""

from __future__ import annotations

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Scalar, compute_norm
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.silu import SILU_CURVATURE as SILU_CURVATURE
from fastcar.proofs.silu import SILU_SLOPE as SILU_SLOPE
from fastcar.proofs.silu import compute_silu as compute_silu
from fastcar.proofs.statement import UNIT_ROUNDOFF, Sides, Statement, make_finite_hypothesis
from fastcar.proofs.swiglu_pair import Extent as Extent
from fastcar.proofs.swiglu_pair import SwiGLUPair as SwiGLUPair
from fastcar.proofs.swiglu_pair import compute_extent as compute_extent
from fastcar.proofs.swiglu_pair import compute_swiglu as compute_swiglu
from fastcar.proofs.swiglu_rounding import Propagation as Propagation
from fastcar.proofs.swiglu_rounding import compute_extent_errors as compute_extent_errors
from fastcar.proofs.swiglu_rounding import compute_propagation as compute_propagation


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


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> SwiGLUPair:
    """What the MLP reads for j and j-."""
    token = draw_token(pair, rng)
    layer = token.layer
    normed, other = (token.get_normed(index) for index in token.indices)
    return SwiGLUPair(layer.gate_proj, layer.up_proj, layer.down_proj, normed, other)


STATEMENT = Statement(
    number="P-07",
    title="distance of two outputs of the MLP",
    source="paper",
    hypotheses=(make_finite_hypothesis("gate_proj", "up_proj", "down_proj", "normed", "other"),),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="A real difference of inputs is no leading singular vector of all three matrices, "
    "and few neurons come near the largest activation; the levels below take this "
    "apart.",
)
