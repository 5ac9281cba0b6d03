"""One layer of two tokens, and what P-15 takes from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs import causal_attention, multi_head_attention, rms_norm, swiglu
from fastcar.proofs import temporal_attention_score as score_bound
from fastcar.proofs.aligned_token import AlignedToken
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.attention import compute_diameter
from fastcar.proofs.causal_attention import CausalPair
from fastcar.proofs.multi_head_attention import (
    BlockPair,
    compute_output_norms,
    get_block,
    get_heads,
)
from fastcar.proofs.rms_norm import compute_radius
from fastcar.proofs.swiglu import SwiGLUPair, compute_extent
from fastcar.reference.rms_norm import compute_rms_norm


@dataclass(frozen=True)
class LayerPair:
    """One layer of two tokens; the key of j- is the last that both see.

    Attributes:
        block: attention, token j and token j-.
        residual: [D] float64, residual stream of j before attention.
        other_residual: [D], of j-.
        gate_proj: [F, D].
        up_proj: [F, D].
        down_proj: [D, F].
        gain: [D], of the norm before the MLP.
        eps: > 0, of that norm.
    """

    block: BlockPair
    residual: Array
    other_residual: Array
    gate_proj: Array
    up_proj: Array
    down_proj: Array
    gain: Array
    eps: float


def get_layer_pair(token: AlignedToken) -> LayerPair:
    """The layer of a token with both residual streams."""
    layer = token.layer
    residual, other = (
        token.run.layer_inputs[token.layer_index, token.row_index, index] for index in token.indices
    )
    matrices = (layer.gate_proj, layer.up_proj, layer.down_proj)
    return LayerPair(get_block(token), residual, other, *matrices, layer.mlp_norm, token.eps)


def compute_query_gaps(head: CausalPair) -> tuple[Scalar, Scalar]:
    """|q_j - k| and |q_{j-} - k| from norms, score and self score: the two terms of P-02."""
    key = head.keys[head.num_shared - 1]
    queries = head.query, head.other_query
    own, other = (
        score_bound.compute_key_gap(
            compute_norm(query),
            compute_norm(key),
            score_bound.compute_score(query, key),
            len(query),
        )
        for query in queries
    )
    return own, other


def compute_head_bound(head: CausalPair) -> Scalar:
    """b_h, P-04 with P-02 in the place of the query gap."""
    return causal_attention.bound(
        sum(compute_query_gaps(head)),
        compute_diameter(head.keys[: head.num_shared]),
        len(head.query),
        get_maximum(compute_row_norms(head.values)),
        causal_attention.compute_fresh_mass(head.query, head.keys, head.num_shared),
    )


def compute_attention_gap(block: BlockPair) -> Scalar:
    """A."""
    gaps = [compute_head_bound(head) for head in get_heads(block)]
    norms = compute_output_norms(block.o_proj, len(gaps))
    return multi_head_attention.bound(np.array(gaps, dtype=block.o_proj.dtype), *norms)


def compute_mid(pair: LayerPair) -> tuple[Array, Array]:
    """[D] each, the residual streams after attention."""
    output, other = multi_head_attention.compute_outputs(pair.block)
    return pair.residual + output, pair.other_residual + other


def compute_mlp_pair(pair: LayerPair) -> SwiGLUPair:
    """What the MLP reads for both tokens."""
    normed, other = (compute_rms_norm(x, pair.gain, pair.eps) for x in compute_mid(pair))
    return SwiGLUPair(pair.gate_proj, pair.up_proj, pair.down_proj, normed, other)


def compute_lipschitz(pair: LayerPair) -> Scalar:
    """Lambda of the pair: P-07 after P-06 for a distance of 1."""
    radius = compute_radius(*compute_mid(pair), pair.eps)
    normed_gap = rms_norm.bound(1.0, get_maximum(abs(pair.gain)), radius)
    return swiglu.bound(normed_gap, compute_extent(compute_mlp_pair(pair)))
