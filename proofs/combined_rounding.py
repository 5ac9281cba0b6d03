"""What float64 does to both sides of P-15: the rounding of every part carried into the next."""

from __future__ import annotations

import numpy as np

from fastcar.proofs import multi_head_attention, rms_norm, swiglu
from fastcar.proofs import temporal_attention_score as score_bound
from fastcar.proofs.arithmetic import Array, compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.attention import compute_diameter
from fastcar.proofs.causal_attention import CausalPair
from fastcar.proofs.combined_layer import (
    LayerPair,
    compute_attention_gap,
    compute_mid,
    compute_mlp_pair,
    compute_query_gaps,
)
from fastcar.proofs.multi_head_attention import get_heads
from fastcar.proofs.rms_norm import compute_radius, compute_root_mean_square
from fastcar.proofs.spectral_norm import compute_gamma
from fastcar.proofs.swiglu import Propagation, compute_extent, compute_propagation


def compute_combined_rounding(pair: LayerPair) -> float:
    """Attention: what P-13 derives limits the errors of both outputs and of A at given query gaps;
    those are off by what P-02 derives, which moves b_h by C_h times that, at most 2 M_V, and A by
    |W_O|_F of the sum. Mid: that and u of both terms. Norm: rho moves by the error over sqrt(D), n
    by the error times max|g| / r (P-06; r is at least sqrt(eps)). MLP: as for P-07, with this input
    error; its bound rises with every argument. Products and norms: (3 D + 32) u in all, doubled.
    """
    mlp = compute_mlp_pair(pair)
    relative, mid_errors = _compute_relative(pair), _compute_mid_errors(pair)
    own, other = (
        _compute_propagation(pair, *parts)
        for parts in zip(compute_mid(pair), (mlp.normed, mlp.other), mid_errors, strict=True)
    )
    extent = compute_extent(mlp)
    errors = swiglu.compute_extent_errors(mlp, own.activation, other.up)
    normed_gap, raised = _compute_normed_gaps(pair, sum(mid_errors))
    gap_error = raised - normed_gap + relative * raised
    right = swiglu.compute_bound_rounding(normed_gap, extent, errors, gap_error)
    return float(
        2 * (own.output + other.output + relative * swiglu.compute_sides(mlp).trivial + right)
    )


def _compute_relative(pair: LayerPair) -> float:
    return compute_gamma(3 * len(pair.gain) + 32)


def _compute_mid_errors(pair: LayerPair) -> list[float]:
    """Of the residual streams after attention, j and j-."""
    attention = multi_head_attention.compute_rounding(pair.block)
    residuals = pair.residual, pair.other_residual
    sizes = [
        compute_norm(x) + compute_norm(residual)
        for x, residual in zip(compute_mid(pair), residuals, strict=True)
    ]
    return [float(attention + _compute_relative(pair) * size) for size in sizes]


def _compute_propagation(pair: LayerPair, x: Array, normed: Array, error: float) -> Propagation:
    """Of one token's MLP, its residual stream off by `error`."""
    radius = compute_root_mean_square(x, pair.eps) - error / (2 * len(x) ** 0.5)
    moved = rms_norm.bound(error, get_maximum(abs(pair.gain)), max(radius, _get_floor(pair)))
    input_error = moved + _compute_relative(pair) * compute_norm(normed)
    matrices = pair.gate_proj, pair.up_proj, pair.down_proj
    return compute_propagation(*matrices, normed, np.full(len(x), input_error))


def _get_floor(pair: LayerPair) -> float:
    """No rho is smaller."""
    return float(np.sqrt(pair.eps)) * (1 - _compute_relative(pair))


def _compute_normed_gaps(pair: LayerPair, mid_error: float) -> tuple[float, float]:
    """Bound on the distance behind the norm: as computed, and for all that rounding may hide."""
    relative, gain = _compute_relative(pair), get_maximum(abs(pair.gain))
    distance = compute_norm(pair.residual - pair.other_residual)
    distance += compute_attention_gap(pair.block)
    moved = sum(_compute_gap_rounding(head) for head in get_heads(pair.block))
    error = multi_head_attention.compute_rounding(pair.block)
    error += compute_norm(pair.block.o_proj) * moved + relative * distance
    radius = compute_radius(*compute_mid(pair), pair.eps)
    near = radius * (1 - relative) - mid_error / (2 * len(pair.gain) ** 0.5)
    raised = rms_norm.bound(distance + error, gain, max(near, _get_floor(pair)))
    return float(rms_norm.bound(distance, gain, radius)), float(raised)


def _compute_gap_rounding(head: CausalPair) -> float:
    """Limit on how far the rounding of P-02's terms moves b_h."""
    key = head.keys[head.num_shared - 1]
    queries = head.query, head.other_query
    error = sum(score_bound.compute_key_gap_rounding(query, key) for query in queries)
    error += compute_gamma(4) * sum(compute_query_gaps(head))
    value_norm = float(get_maximum(compute_row_norms(head.values)))
    diameter = float(compute_diameter(head.keys[: head.num_shared]))
    slope = value_norm * diameter / (2 * len(head.query) ** 0.5)
    return float(min(2 * value_norm, slope * error))
