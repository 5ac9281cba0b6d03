"""Causal grouped-query attention of one decoded token per row, and of a prompt.

`compute_attention` is the spec: it materialises every logit. The Temporal Attention Score is one
of these logits, so `tap` hands it out at no cost. `fastcar.reference.fused_attention` computes the
same without ever holding the logits.
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray


def compute_attention(
    query: FloatArray,
    keys: FloatArray,
    values: FloatArray,
    visible: BoolArray | None = None,
    tap: int | None = None,
) -> tuple[FloatArray, FloatArray | None]:
    """Attention of one token per row over the given keys.

    Args:
        query: [B, H, d] after rotary embedding.
        keys: [B, H_kv, S, d] after rotary embedding.
        values: [B, H_kv, S, d].
        visible: [B, S], False where a key is masked (padding, outside the window); None = all.
        tap: index along S whose logits are handed out.

    Returns:
        Context [B, H, d] and the tapped logits [B, H] (None without `tap`).
    """
    grouped = _group_queries(query, keys.shape[1])  # [B, H_kv, G, d]
    logits = _scale(keys @ grouped.swapaxes(-1, -2), query.shape[-1])  # [B, H_kv, S, G]
    tapped = None if tap is None else logits[:, :, tap].reshape(query.shape[:2])
    if visible is not None:
        logits = np.where(visible[:, None, :, None], logits, -np.inf)
    probabilities = compute_softmax(logits, axis=2)
    context = probabilities.swapaxes(-1, -2) @ values  # [B, H_kv, G, d]
    return context.reshape(query.shape), tapped


def compute_prompt_attention(
    query: FloatArray, keys: FloatArray, values: FloatArray, visible: BoolArray
) -> FloatArray:
    """Attention of all prompt tokens at once.

    Args:
        query: [B, P, H, d] after rotary embedding.
        keys: [B, H_kv, P, d].
        values: [B, H_kv, P, d].
        visible: [B, P, P], which key (last axis) each query sees; causality included.

    Returns:
        [B, P, H, d]; zero for a query that sees no key (a padded one).
    """
    rows, length, heads, head_dim = query.shape
    grouped = query.reshape(rows, length, keys.shape[1], -1, head_dim).transpose(0, 2, 3, 1, 4)
    logits = _scale(grouped @ keys[:, :, None].swapaxes(-1, -2), head_dim)  # [B, H_kv, G, P, P]
    logits = np.where(visible[:, None, None], logits, -np.inf)
    context = compute_softmax(logits, axis=-1) @ values[:, :, None]  # [B, H_kv, G, P, d]
    return context.transpose(0, 3, 1, 2, 4).reshape(rows, length, heads, head_dim)


def compute_softmax(logits: FloatArray, axis: int) -> FloatArray:
    """exp(z - max z) / sum along an axis; all zeros where every logit is -inf.

    >>> compute_softmax(np.array([0.0, -np.inf, 0.0]), axis=0).tolist()
    [0.5, 0.0, 0.5]
    """
    peak = logits.max(axis=axis, keepdims=True)
    exponentials = np.exp(logits - np.where(np.isfinite(peak), peak, 0))
    total = exponentials.sum(axis=axis, keepdims=True)
    return exponentials / np.where(total > 0, total, 1)


def _group_queries(query: FloatArray, num_key_value_heads: int) -> FloatArray:
    """[B, H, d] to [B, H_kv, G, d]: query head h reads key head h // G."""
    return query.reshape(query.shape[0], num_key_value_heads, -1, query.shape[-1])


def _scale(products: FloatArray, head_dim: int) -> FloatArray:
    """Inner products to logits."""
    return products / products.dtype.type(head_dim**0.5)
