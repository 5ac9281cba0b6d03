"""Attention by online softmax over key blocks: the logits never exist all at once.

Answers a question that readers of the paper asked: how is the Temporal Attention Score had when
attention is fused? The aligned key lies in one of the blocks; its logit is copied out while that
block is in hand (`tap`), so the score is a by-product here too.
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray

BLOCK_KEYS = 64
"""Keys of one block."""


def compute_fused_attention(
    query: FloatArray,
    keys: FloatArray,
    values: FloatArray,
    visible: BoolArray | None = None,
    tap: int | None = None,
    block_keys: int = BLOCK_KEYS,
) -> tuple[FloatArray, FloatArray | None]:
    """Same arguments and results as `fastcar.reference.attention.compute_attention`.

    Per query head the running maximum m, the sum of exponentials and the weighted values are kept;
    a block with a larger maximum m' rescales them by exp(m - m').
    """
    rows, heads, head_dim = query.shape
    grouped = query.reshape(rows, keys.shape[1], -1, head_dim)  # [B, H_kv, G, d]
    scale = query.dtype.type(head_dim**0.5)
    peak = np.full((*grouped.shape[:3], 1), -np.inf, query.dtype)  # [B, H_kv, G, 1]
    total = np.zeros_like(peak)
    weighted = np.zeros_like(grouped)
    tapped = None
    for start in range(0, keys.shape[2], block_keys):
        stop = min(start + block_keys, keys.shape[2])
        logits = grouped @ keys[:, :, start:stop].swapaxes(-1, -2) / scale  # [B, H_kv, G, block]
        if tap is not None and start <= tap < stop:
            tapped = logits[..., tap - start].reshape(rows, heads)
        if visible is not None:
            logits = np.where(visible[:, None, None, start:stop], logits, -np.inf)
        new_peak = np.maximum(peak, logits.max(axis=-1, keepdims=True))
        shift = np.where(np.isfinite(new_peak), new_peak, 0)
        rescale = np.exp(peak - shift)
        exponentials = np.exp(logits - shift)
        total = total * rescale + exponentials.sum(axis=-1, keepdims=True)
        weighted = weighted * rescale + exponentials @ values[:, :, start:stop]
        peak = new_peak
    context = weighted / np.where(total > 0, total, 1)
    return context.reshape(query.shape), tapped
