"""Temporal Attention Score (TAS): how much a token attends to the same place one frame earlier.

Source: arXiv:2505.14709v1. For token j with aligned token j - N and one head,
s = <q_j, k_{j-N}> / sqrt(d), one of the logits that causal attention computes anyway.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray
from fastcar.reference.errors import ArgumentError

HeadWeights = NDArray[np.float64]


class HeadAggregation(Enum):
    """How the scores of the heads become one."""

    MEAN = "mean"
    MAX = "max"


def compute_score_heads(query: FloatArray, aligned_key: FloatArray) -> FloatArray:
    """TAS of every head.

    Args:
        query: [B, H, d]; after rotary embedding in the paper's variant, before it in the
            published code's (D-01).
        aligned_key: [B, H_kv, d], the cached key of token j - N, after rotary embedding.

    Returns:
        [B, H].

    >>> compute_score_heads(np.ones((1, 2, 4)), np.ones((1, 1, 4))).tolist()
    [[2.0, 2.0]]
    """
    rows, heads, head_dim = query.shape
    grouped = query.reshape(rows, aligned_key.shape[1], -1, head_dim)  # [B, H_kv, G, d]
    products = _add_up(grouped * aligned_key[:, :, None])
    scores: FloatArray = products / products.dtype.type(head_dim**0.5)
    return scores.reshape(rows, heads)


def aggregate_heads(
    score_heads: FloatArray, aggregation: HeadAggregation | HeadWeights
) -> FloatArray:
    """One score from the scores of the heads.

    Args:
        score_heads: [..., H].
        aggregation: mean (the paper's), maximum, or a weight per head [H].

    Returns:
        [...].
    """
    if isinstance(aggregation, np.ndarray):
        if aggregation.shape != score_heads.shape[-1:]:
            limit = f"one weight for each of {score_heads.shape[-1]} heads"
            raise ArgumentError("head weights", aggregation.shape, limit)
        # A matrix product would sum in an order that depends on the number of rows (D-05).
        return _add_up(score_heads * aggregation.astype(score_heads.dtype))
    if aggregation is HeadAggregation.MAX:
        score: FloatArray = score_heads.max(axis=-1)
    else:
        score = _add_up(score_heads) / score_heads.dtype.type(score_heads.shape[-1])
    return score


def _add_up(terms: FloatArray) -> FloatArray:
    """Sum along the last axis, term by term, as every engine adds (D-52)."""
    total: FloatArray = np.cumsum(terms, axis=-1, dtype=terms.dtype)[..., -1]
    return total
