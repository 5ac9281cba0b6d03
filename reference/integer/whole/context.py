"""Context of attention on integers: weighted values, divided once, at the end.

Specified in docs/accelerator.md, section 7 (D-46). With S within [2^26, 2^40) and values within
+-127 the context is a mean of values times 256: it cannot saturate.
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import Int8Array, Int16Array, Int64Array
from fastcar.reference.integer.units import check_accumulator, saturate, shift_rounding
from fastcar.reference.integer.whole.softmax import GUARD_BITS, MAX_RESCALING, SoftmaxWords

RECIPROCAL_BITS = 16
"""R fits the requantiser's multiplier."""
DIVISOR_BITS = 18
"""Of the leading bits of S that are divided by."""
CONTEXT_FRACTION_BITS = 8
"""A context is 256 times the mean value."""


def accumulate_context(words: SoftmaxWords, values: Int8Array) -> Int64Array:
    """A = sum over words of floor((sum p v) 2^11 2^-(M - M of the word)), 48 bits.

    The shift is applied to the sum of a word before it is accumulated, so no register is rescaled.

    Args:
        words: of [R, H] queries.
        values: [R, H_kv, n, d] int8; query head h reads value head h // (H / H_kv).

    Returns:
        [R, H, d] int64.
    """
    rows, num_heads, num_words, num_lanes = words.weights.shape
    num_keys, head_dim = values.shape[2:]
    padding = [(0, 0), (0, 0), (0, num_words * num_lanes - num_keys), (0, 0)]
    padded = np.pad(values, padding).astype(np.float64)  # exact: sums stay below 2^23 L
    blocks = padded.reshape(rows, values.shape[1], num_words, num_lanes, head_dim)
    grouped = words.weights.reshape(rows, values.shape[1], -1, num_words, num_lanes)
    products = grouped.swapaxes(2, 3).astype(np.float64) @ blocks  # [R, H_kv, W, G, d]
    per_head = products.swapaxes(2, 3).reshape(rows, num_heads, num_words, head_dim)
    drop = np.minimum(words.exponents[..., -1:] - words.exponents, MAX_RESCALING)  # [R, H, W]
    shifted = (per_head.astype(np.int64) << GUARD_BITS) >> drop[..., None]
    accumulated: Int64Array = shifted.sum(axis=2)
    check_accumulator(accumulated)
    return accumulated


def compute_reciprocal(total: Int64Array) -> tuple[Int64Array, Int64Array]:
    """1 / S is about R 2^-(e + 15): e = bit_length(S), R = floor((2^33 - 1) / (S >> (e - 18))).

    Args:
        total: S, any shape, 2^26 <= S < 2^40.

    Returns:
        R (32,768 .. 65,535) and e (27 .. 40), shape of S.

    >>> compute_reciprocal(np.array([1 << 26, (1 << 26) + (1 << 25), (1 << 40) - 1]))
    (array([65535, 43690, 32768]), array([27, 27, 40]))
    """
    bit_length = np.frexp(total.astype(np.float64))[1].astype(np.int64)  # exact below 2^53
    divisor = total >> (bit_length - DIVISOR_BITS)  # in [2^17, 2^18)
    dividend = (1 << (DIVISOR_BITS + RECIPROCAL_BITS - 1)) - 1
    return dividend // divisor, bit_length


def compute_context(words: SoftmaxWords, values: Int8Array) -> Int16Array:
    """sat16(round(A R 2^-(e + 7))): 256 times the weighted mean of the values.

    Sum and words drop bits, so |A| is at most 127 (S + 2) + W, and R S at most 2^(e + 15)
    (1 + 2^-17): the product stays below 127 * 2^(e + 15) (1 + 2^-16) < 2^62.

    Args:
        words: of [R, H] queries.
        values: [R, H_kv, n, d] int8.

    Returns:
        [R, H, d] int16, in steps of s_v / 256.
    """
    reciprocal, bit_length = compute_reciprocal(words.total)  # [R, H]
    product = accumulate_context(words, values) * reciprocal[..., None]
    shift = bit_length[..., None] + (RECIPROCAL_BITS - 1 - CONTEXT_FRACTION_BITS)
    return saturate(shift_rounding(product, shift))
