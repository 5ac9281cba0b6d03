"""What the step of P-16 depends on: a few nonnegative numbers per layer, taken from both runs.

The caches of both runs are known, so attention is looked at in between: the dense run's own query,
key and value on the cache of the replay run, "mixed".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs import rms_norm
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.attention import compute_diameter, compute_probabilities, compute_root
from fastcar.proofs.decoder.layer import LayerRuns, LayerState, rotate
from fastcar.proofs.multi_head_attention import get_key_head_index
from fastcar.proofs.query_projection import compute_normed_limit
from fastcar.proofs.silu import SILU_CURVATURE, SILU_SLOPE, compute_silu
from fastcar.proofs.spectral_norm import compute_spectral_norm
from fastcar.reference.weights import LayerWeights


@dataclass(frozen=True)
class NormTerms:
    """A norm in the dense run.

    Attributes:
        gain_max: max |g|.
        radius: rho(x) = sqrt(|x|^2 / D + eps).
        limit: |n| + sqrt(D) max |g|.
        root: sqrt(D).
        slack: what rounding adds; 0 in the claim.
    """

    gain_max: Scalar
    radius: Scalar
    limit: Scalar
    root: Scalar
    slack: float = 0.0


@dataclass(frozen=True)
class HeadTerms:
    """One query head on the mixed keys of the key head that it reads.

    Attributes:
        query_gain: |W_Q|, its rows of this head.
        key_gain: |W_K|.
        value_gain: |W_V|.
        output_gain: |W_O|, its columns of this head.
        query_norm: |q|.
        key_diameter: diam(K).
        value_diameter: diam(V).
        own_mass: p, attention weight of the token's own key.
        own_reach: |v - c|, own value and context.
        root: square root of the head width.
    """

    query_gain: Scalar
    key_gain: Scalar
    value_gain: Scalar
    output_gain: Scalar
    query_norm: Scalar
    key_diameter: Scalar
    value_diameter: Scalar
    own_mass: Scalar
    own_reach: Scalar
    root: Scalar


@dataclass(frozen=True)
class AttentionTerms:
    """Attention of a layer.

    Attributes:
        norm: before attention.
        heads: every query head.
        output_gain: |W_O|.
        slope: |J_A|, derivative of the mixed output by the normalised input.
        cache_gap: distance of the dense output from the mixed one.
    """

    norm: NormTerms
    heads: tuple[HeadTerms, ...]
    output_gain: Scalar
    slope: Scalar
    cache_gap: Scalar


@dataclass(frozen=True)
class MLPTerms:
    """The MLP of a layer.

    Attributes:
        norm: before the MLP.
        slope: |J|, derivative of the output by the normalised input.
        curvature: |W_d| |W_g| (L max|w_u,i| + max(|u_i| |w_g,i|) / 4).
        replay_error: |replayed output - MLP output of the replay run|, 0 where it computes.
    """

    norm: NormTerms
    slope: Scalar
    curvature: Scalar
    replay_error: Scalar


@dataclass(frozen=True)
class LayerTerms:
    """Both blocks."""

    attention: AttentionTerms
    mlp: MLPTerms


@dataclass(frozen=True)
class MixedHead:
    """The dense run's query head on the replay run's cache and the dense run's own key and value.

    Attributes:
        query: [d].
        keys: [n + 1, d], own key last.
        values: [n + 1, d].
        probabilities: [n + 1].
        context: [d].
        rows: [d, D] each, the parts of W_Q, W_K and W_V.
        columns: [D, d], the part of W_O.
    """

    query: Array
    keys: Array
    values: Array
    probabilities: Array
    context: Array
    rows: tuple[Array, Array, Array]
    columns: Array


def compute_mixed_heads(layer: LayerRuns, state: LayerState) -> list[MixedHead]:
    """Every query head; state of the dense run."""
    heads, head_dim, weights = [], state.queries.shape[1], layer.weights
    for index, query in enumerate(state.queries):
        source = get_key_head_index(index, len(state.queries), len(state.keys))
        keys = np.concatenate([layer.other_keys[source], state.keys[source, -1:]])
        values = np.concatenate([layer.other_values[source], state.values[source, -1:]])
        rows, key_rows = (slice(i * head_dim, (i + 1) * head_dim) for i in (index, source))
        parts = weights.q_proj[rows], weights.k_proj[key_rows], weights.v_proj[key_rows]
        probabilities = compute_probabilities(query, keys)
        heads.append(
            MixedHead(
                query,
                keys,
                values,
                probabilities,
                probabilities @ values,
                parts,
                weights.o_proj[:, rows],
            )
        )
    return heads


def compute_norm_terms(x: Array, normed: Array, gain: Array, eps: float) -> NormTerms:
    """Terms of the norm with this gain [D] at x [D]."""
    return NormTerms(
        get_maximum(abs(gain)),
        rms_norm.compute_root_mean_square(x, eps),
        compute_norm(normed) + compute_normed_limit(gain),
        compute_root(len(x), x[0]),
    )


def compute_head_terms(head: MixedHead) -> HeadTerms:
    """Terms of one query head."""
    query_gain, key_gain, value_gain = map(compute_spectral_norm, head.rows)
    return HeadTerms(
        query_gain,
        key_gain,
        value_gain,
        compute_spectral_norm(head.columns),
        compute_norm(head.query),
        compute_diameter(head.keys),
        compute_diameter(head.values),
        head.probabilities[-1],
        compute_norm(head.values[-1] - head.context),
        compute_root(len(head.query), head.query[0]),
    )


def compute_attention_jacobian(heads: list[MixedHead], angles: Array) -> Array:
    """J_A [D, D]: sum over the heads of W_O (covariance of values and logits + p W_V)."""
    jacobians = []
    for head in heads:
        turned_query, turned_key = (rotate(rows.T, angles).T for rows in head.rows[:2])  # [d, D]
        weighted = head.probabilities[:, None] * (head.values - head.context)  # [n + 1, d]
        own = np.outer(weighted[-1], head.query @ turned_key)
        covariance = (weighted.T @ head.keys) @ turned_query + own
        covariance = covariance / compute_root(len(head.query), head.query[0])
        inner = covariance + head.probabilities[-1] * head.rows[2]
        jacobians.append(head.columns @ inner)
    total: Array = sum(jacobians[1:], jacobians[0])
    return total


def compute_attention_terms(layer: LayerRuns, state: LayerState, eps: float) -> AttentionTerms:
    """Terms of attention; state of the dense run."""
    heads, weights = compute_mixed_heads(layer, state), layer.weights
    mixed = np.concatenate([head.context for head in heads])
    return AttentionTerms(
        compute_norm_terms(state.x, state.normed, weights.attention_norm, eps),
        tuple(map(compute_head_terms, heads)),
        compute_spectral_norm(weights.o_proj),
        compute_spectral_norm(compute_attention_jacobian(heads, state.angles)),
        compute_norm(weights.o_proj @ (state.contexts - mixed)),
    )


def compute_mlp_jacobian(weights: LayerWeights, state: LayerState) -> Array:
    """J [D, D]: W_d (diag(silu(g)) W_u + diag(u silu'(g)) W_g)."""
    sigmoid = (1 + np.tanh(state.gate / 2)) / 2
    activation = compute_silu(state.gate)
    slope = state.up * (sigmoid + activation * (1 - sigmoid))  # [F]
    inner = activation[:, None] * weights.up_proj + slope[:, None] * weights.gate_proj
    jacobian: Array = weights.down_proj @ inner
    return jacobian


def compute_mlp_terms(
    layer: LayerRuns, state: LayerState, other: LayerState, eps: float
) -> MLPTerms:
    """Terms of the MLP; states of the dense run and of the one with replay."""
    weights = layer.weights
    gate_norms, up_norms = (compute_row_norms(w) for w in (weights.gate_proj, weights.up_proj))
    remainder = SILU_SLOPE * get_maximum(up_norms)
    remainder = remainder + get_maximum(abs(state.up) * gate_norms) * SILU_CURVATURE / 2
    gains = compute_spectral_norm(weights.down_proj) * compute_spectral_norm(weights.gate_proj)
    return MLPTerms(
        compute_norm_terms(state.mid, state.mlp_normed, weights.mlp_norm, eps),
        compute_spectral_norm(compute_mlp_jacobian(weights, state)),
        gains * remainder,
        0.0 if layer.cached is None else compute_norm(layer.cached - other.output),
    )


def compute_terms(layer: LayerRuns, state: LayerState, other: LayerState, eps: float) -> LayerTerms:
    """Terms of a layer; states of the dense run and of the one with replay."""
    return LayerTerms(
        compute_attention_terms(layer, state, eps), compute_mlp_terms(layer, state, other, eps)
    )
