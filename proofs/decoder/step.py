"""How one layer carries an error on: the step of P-16, whose proof stands in `bound.py`.

Every bound rises with all terms except the radii, so that a lower limit of a term (a norm or a
diameter in balls) gives a lower limit of the bound.
"""

from __future__ import annotations

import numpy as np

from fastcar.proofs import multi_head_attention, rms_norm, softmax
from fastcar.proofs.arithmetic import Scalar, is_certain, minimum
from fastcar.proofs.decoder.terms import AttentionTerms, HeadTerms, LayerTerms, MLPTerms, NormTerms


def bound_norm(distance: Scalar, norm: NormTerms) -> Scalar:
    """N: distance behind a norm, of all vectors within `distance` of the dense one."""
    radius = norm.radius - distance / (2 * norm.root)
    if not is_certain(radius > 0):
        return norm.limit + norm.slack
    bounded = rms_norm.bound(distance, norm.gain_max, radius)
    return minimum(bounded, norm.limit) + norm.slack


def bound_total_variation(normed_gap: Scalar, head: HeadTerms) -> Scalar:
    """t: of the attention weights of one head."""
    return softmax.bound(bound_oscillation(normed_gap, head))


def bound_oscillation(normed_gap: Scalar, head: HeadTerms) -> Scalar:
    """w: of the difference of the logits of one head."""
    query_gap, key_gap = head.query_gain * normed_gap, head.key_gain * normed_gap
    moved = query_gap * head.key_diameter + (head.query_norm + query_gap) * key_gap
    return moved / head.root


def bound_head(normed_gap: Scalar, head: HeadTerms) -> Scalar:
    """b: distance of the contexts of one head."""
    variation, value_gap = bound_total_variation(normed_gap, head), head.value_gain * normed_gap
    return variation * head.value_diameter + (head.own_mass + variation) * value_gap


def bound_head_rest(normed_gap: Scalar, head: HeadTerms) -> Scalar:
    """r: distance of the contexts of one head from their linear approximation."""
    variation, value_gap = bound_total_variation(normed_gap, head), head.value_gain * normed_gap
    oscillation = bound_oscillation(normed_gap, head)
    own = head.own_mass * head.own_reach * head.query_gain * normed_gap * head.key_gain * normed_gap
    rest = head.value_diameter * oscillation * oscillation / 8
    return rest + own / head.root + variation * value_gap


def bound_attention(normed_gap: Scalar, terms: AttentionTerms) -> Scalar:
    """Distance of the mixed attention output from that of the replay run."""
    output_gains = np.array([head.output_gain for head in terms.heads])
    whole, rest = (
        multi_head_attention.bound(
            np.array([bound_part(normed_gap, head) for head in terms.heads]),
            terms.output_gain,
            output_gains,
        )
        for bound_part in (bound_head, bound_head_rest)
    )
    return minimum(whole, terms.slope * normed_gap + rest)


def bound_mid(distance: Scalar, terms: AttentionTerms) -> Scalar:
    """m: distance of the residual streams after attention."""
    return distance + terms.cache_gap + bound_attention(bound_norm(distance, terms.norm), terms)


def bound_mlp(distance: Scalar, terms: MLPTerms) -> Scalar:
    """Distance of the MLP outputs that both runs compute."""
    gap = bound_norm(distance, terms.norm)
    return (terms.slope + terms.curvature * gap) * gap


def bound_layer(distance: Scalar, terms: LayerTerms) -> Scalar:
    """Distance after the layer, given the distance before it."""
    mid = bound_mid(distance, terms.attention)
    return mid + bound_mlp(mid, terms.mlp) + terms.mlp.replay_error


def bound_logits(distance: Scalar, norm: NormTerms, head_norm: Scalar) -> Scalar:
    """Largest distance of the logits.

    Args:
        distance: e_L, of the residual streams after the last layer.
        norm: the last norm at the dense vector.
        head_norm: |W_head|.
    """
    return head_norm * bound_norm(distance, norm)
