"""Limits on the errors that float64 leaves in the terms of P-16.

The terms belong to the dense run, which is itself off by a `RunError`; what they round on top of
that is a factor 1 + gamma_k of the sizes that enter, k the number of operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs import attention
from fastcar.proofs.arithmetic import Array, compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.decoder.layer import LayerRuns, LayerState
from fastcar.proofs.decoder.step import bound_attention, bound_head, bound_total_variation
from fastcar.proofs.decoder.terms import (
    AttentionTerms,
    HeadTerms,
    LayerTerms,
    MixedHead,
    MLPTerms,
    NormTerms,
    compute_attention_jacobian,
    compute_mixed_heads,
    compute_mlp_jacobian,
)
from fastcar.proofs.silu import SILU_CURVATURE, SILU_SLOPE
from fastcar.proofs.spectral_norm import compute_error, compute_gamma


@dataclass(frozen=True)
class RunError:
    """Limits on the error of one run in float64, in one layer.

    Attributes:
        start: of the residual stream, what the additions round included.
        normed: of the input of attention.
        mid: of the residual stream after attention.
        mlp_normed: of the input of the MLP.
        output: of the MLP's output.
        end: of the residual stream after the layer.
        terms: those of the run against itself, rounding in the place of the caches' distance.
    """

    start: float
    normed: float
    mid: float
    mlp_normed: float
    output: float
    end: float
    terms: LayerTerms


def compute_term_errors(
    layer: LayerRuns, state: LayerState, terms: LayerTerms, dense: RunError, replay: RunError
) -> LayerTerms:
    """Of the terms of a layer; state and error of the dense run, error of the one with replay."""
    return LayerTerms(
        _compute_attention_errors(layer, state, terms.attention, dense),
        _compute_mlp_errors(layer, state, terms.mlp, dense, replay),
    )


def compute_norm_errors(norm: NormTerms, error: float, normed_error: float) -> NormTerms:
    """Of the vector and of what comes out; rho moves by the vector's error over sqrt(D) at most."""
    relative = compute_gamma(int(norm.root**2) + 8)
    radius = error / norm.root + relative * norm.radius
    return NormTerms(0.0, radius, normed_error + 2 * relative * norm.limit, 0.0)


def compute_output_rounding(layer: LayerRuns, state: LayerState) -> float:
    """Of the mixed attention output [D], given queries, keys and values."""
    heads = compute_mixed_heads(layer, state)
    contexts = sum(_compute_context_rounding(head) for head in heads)
    sizes = sum(float(compute_norm(head.context)) for head in heads)
    products = compute_gamma(state.contexts.size + 2) * sizes
    return float(compute_norm(layer.weights.o_proj) * (contexts + products))


def _compute_context_rounding(head: MixedHead) -> float:
    return attention.compute_head_rounding(head.query, head.keys, _get_longest(head.values))


def _get_longest(rows: Array) -> float:
    return float(get_maximum(compute_row_norms(rows)))


def _compute_attention_errors(
    layer: LayerRuns, state: LayerState, terms: AttentionTerms, dense: RunError
) -> AttentionTerms:
    """J_A has the head errors' sum. The dense and the mixed output both move with their query, key
    and value as P-16 says, and round.
    """
    heads = compute_mixed_heads(layer, state)
    keys, values = state.keys[:, :-1], state.values[:, :-1]
    same = LayerRuns(layer.weights, keys, values, keys, values, None)
    slope = compute_error(compute_attention_jacobian(heads, state.angles))
    slope += sum(
        _compute_jacobian_error(head, head_terms, dense.normed)
        for head, head_terms in zip(heads, terms.heads, strict=True)
    )
    cache_gap = sum(
        bound_attention(dense.normed, found) for found in (terms, dense.terms.attention)
    )
    cache_gap += compute_output_rounding(layer, state) + compute_output_rounding(same, state)
    head_errors = tuple(
        _compute_head_errors(head, head_terms, dense.normed)
        for head, head_terms in zip(heads, terms.heads, strict=True)
    )
    norm = compute_norm_errors(terms.norm, dense.start, dense.normed)
    output_gain = compute_error(np.asarray(layer.weights.o_proj, np.float64))
    return AttentionTerms(norm, head_errors, output_gain, slope, cache_gap)


def _compute_mass_error(head: MixedHead, terms: HeadTerms, normed_error: float) -> float:
    """Of the attention weights, in sum: twice their total variation, and what softmax rounds."""
    moved = 2 * bound_total_variation(normed_error, terms)
    return float(moved + attention.compute_softmax_rounding(head.query, head.keys))


def _compute_head_errors(head: MixedHead, terms: HeadTerms, normed_error: float) -> HeadTerms:
    query_gain, key_gain, value_gain, output_gain = (
        compute_error(np.asarray(part, np.float64)) for part in (*head.rows, head.columns)
    )
    relative = 4 * compute_gamma(2 * len(head.query) + len(head.keys) + 16)
    context = bound_head(normed_error, terms) + _compute_context_rounding(head)
    value_error = terms.value_gain * normed_error + relative * _get_longest(head.values)
    return HeadTerms(
        query_gain,
        key_gain,
        value_gain,
        output_gain,
        terms.query_gain * normed_error + relative * terms.query_norm,
        terms.key_gain * normed_error + relative * _get_longest(head.keys),
        value_error,
        _compute_mass_error(head, terms, normed_error),
        value_error + context,
        0.0,
    )


def _compute_jacobian_error(head: MixedHead, terms: HeadTerms, normed_error: float) -> float:
    """One head's share of J_A. A covariance of v and k is half the sum over pairs of p_s p_t
    (v_s - v_t) (k_s - k_t), so it moves by diam(V) diam(K) times the error of all p, and by the
    own key's and value's errors times the other's diameter; p (v - c) q likewise.
    """
    query_error, key_error, value_error = (
        gain * normed_error for gain in (terms.query_gain, terms.key_gain, terms.value_gain)
    )
    mass, diameter = _compute_mass_error(head, terms, normed_error), terms.value_diameter
    covariance = mass * diameter * terms.key_diameter
    covariance += value_error * terms.key_diameter + key_error * diameter
    own = (2 * mass * diameter + 2 * value_error) * terms.query_norm + diameter * query_error
    moved = (covariance * terms.query_gain + own * terms.key_gain) / terms.root
    moved = terms.output_gain * (moved + mass * terms.value_gain)

    q_norm, k_norm, v_norm, o_norm = (compute_norm(part) for part in (*head.rows, head.columns))
    key_size, value_size = _get_longest(head.keys), _get_longest(head.values)
    size = 2 * value_size * (key_size * q_norm + terms.query_norm * k_norm) / terms.root + v_norm
    width = head.columns.shape[0]
    relative = compute_gamma(2 * len(head.keys) + 4 * len(head.query) + width + 48)
    return float(moved + relative * o_norm * size)


def _compute_mlp_errors(
    layer: LayerRuns, state: LayerState, terms: MLPTerms, dense: RunError, replay: RunError
) -> MLPTerms:
    """J moves with its input n: silu(g) by L |w_g| times n's error, u by |w_u|, silu'(g) by
    |w_g| / 2. Of its own, silu'(g) is off by (8 + |g|) u, for 1 - s cancels.
    """
    weights, error = layer.weights, dense.mlp_normed
    matrices = weights.down_proj, weights.gate_proj, weights.up_proj
    down, gate, up = (float(compute_norm(matrix)) for matrix in matrices)
    gate_row, up_row = _get_longest(weights.gate_proj), _get_longest(weights.up_proj)
    gate_max, up_max = (float(get_maximum(abs(vector))) for vector in (state.gate, state.up))
    turned = SILU_SLOPE * up_row + SILU_CURVATURE * up_max * gate_row
    slope = down * error * (SILU_SLOPE * gate_row * up + turned * gate)
    size = down * (gate_max * up + (2 + gate_max) * up_max * gate)
    slope += compute_gamma(len(state.gate) + 24) * size
    slope += compute_error(compute_mlp_jacobian(weights, state))

    down_error, gate_error, _ = (compute_error(np.asarray(m, np.float64)) for m in matrices)
    remainder = SILU_SLOPE * up_row + up_max * gate_row
    curvature = (down_error * gate + down * gate_error) * remainder
    curvature += down * gate * gate_row * up_row * error
    relative = compute_gamma(2 * sum(weights.gate_proj.shape) + 8)
    curvature += relative * terms.curvature
    norm = compute_norm_errors(terms.norm, dense.mid, error)
    if layer.cached is None:
        return MLPTerms(norm, slope, curvature, 0.0)
    size = float(compute_norm(layer.cached)) + terms.replay_error
    return MLPTerms(norm, slope, curvature, replay.output + relative * size)
