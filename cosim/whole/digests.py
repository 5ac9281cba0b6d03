"""Digests of the sections of a token, from what the reference says they store.

Source: docs/accelerator.md, sections 2 and 8: attention stores key, value and residual stream; PICK
stores nothing, its digest is that of the words of its logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.cosim.program.whole.order import order_pairs
from fastcar.reference.arrays import Int8Array, Int16Array


def fold_steps(steps: NDArray[Any]) -> int:
    """Digest of beats, or of words of logits, one a row; rows of a multiple of four bytes.

    >>> fold_steps(np.array([[1, 0, 0, 0], [2, 0, 0, 0]], np.uint8))
    0
    """
    chunks = np.ascontiguousarray(steps).view("<u4").reshape(len(steps), -1)
    digest = 0
    for step in np.bitwise_xor.reduce(chunks, axis=1).tolist():
        digest = (digest << 1 | digest >> 31) & 0xFFFFFFFF ^ step
    return digest


def compute_attention_digest(
    key: Int8Array, value: Int8Array, position: int, residual: Int16Array, num_lanes: int
) -> int:
    """Of one slot.

    Args:
        key: [H_kv, d] int8, as the cache of the reference has it.
        value: [H_kv, d] int8.
        position: of the token in its row.
        residual: [D] int16, after attention.
        num_lanes: L.
    """
    key_beats = key[:, order_pairs(key.shape[1])].reshape(-1, num_lanes)
    value_beats = np.zeros((value.size, num_lanes), np.int8)
    value_beats[:, position % num_lanes] = value.ravel()
    beats = pad_words(residual, num_lanes).view(np.int8).reshape(-1, num_lanes)
    return fold_steps(np.concatenate([key_beats, value_beats, beats]))


def compute_logit_digest(logits: Int16Array, num_lanes: int) -> int:
    """Of the logits [num_codes] int16 of one slot."""
    return fold_steps(pad_words(logits, num_lanes).reshape(-1, num_lanes))


def pad_words(numbers: Int16Array | Sequence[int], num_lanes: int) -> Int16Array:
    """The numbers with zeros behind them, in whole words of L."""
    padded = np.zeros(-(-len(numbers) // num_lanes) * num_lanes, "<i2")
    padded[: len(numbers)] = numbers
    return padded
