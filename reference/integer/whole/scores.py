"""Logits of attention on integers, and the Temporal Attention Score that is one of their sums.

Specified in docs/accelerator.md, section 7 (D-46). A logit z is a whole number of 2^-8 octaves:
exp(logit) is 2^(z / 256). The softmax reads differences alone, so the *difference* to the maximum
may saturate, and does where its weight is 0 anyway; a logit that saturated would change order and
distance of the largest ones. No logit can: `check_logit_range` refuses constants with which any
integers at all could give one beyond 24 bits.
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import Int8Array, Int16Array, Int64Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.units import MAX_MULTIPLIER, check_shift, shift_rounding
from fastcar.reference.integer.whole.rotary import MAX_CACHED

LOGIT_FRACTION_BITS = 8
"""A logit is a number of octaves with 8 fraction bits."""
LOGIT_BITS = 24
"""Width of a logit, signed: +-32,768 octaves, which are 22,713 nats."""
MAX_LOGIT = (1 << (LOGIT_BITS - 1)) - 1


def compute_score_accumulators(query: Int16Array, keys: Int8Array) -> Int64Array:
    """Products of every query head with the keys that it sees; no rounding anywhere.

    Computed in float64, which holds every partial sum: below d 2^22.

    Args:
        query: [R, H, d] int16, after ROPE.
        keys: [R, H_kv, n, d] int8, from the cache; query head h reads key head h // (H / H_kv).

    Returns:
        [R, H, n] int64.
    """
    rows, num_heads, head_dim = query.shape
    grouped = query.reshape(rows, keys.shape[1], -1, head_dim).astype(np.float64)
    products = grouped @ keys.astype(np.float64).swapaxes(-1, -2)  # [R, H_kv, G, n]
    return products.reshape(rows, num_heads, -1).astype(np.int64)


def compute_logits(accumulators: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """z = round(accumulator * multiplier 2^-shift), any shape; 24 bits by `check_logit_range`.

    >>> compute_logits(np.array([-3, 3, 1 << 20]), 3, shift=1).tolist()
    [-4, 5, 1572864]
    """
    return shift_rounding(accumulators * multiplier, shift)


def compute_tap(accumulators: Int64Array, aligned: Int64Array) -> Int64Array:
    """Temporal Attention Score: sum over heads of the accumulators of the aligned key.

    What `compute_integer_score` gives for the same query and the int8 key. The product scale is
    one number for all heads and pairs of a layer, so the plain sum is the mean logit of the heads.

    Args:
        accumulators: [R, H, n].
        aligned: [R] int64, index of the aligned key in n.

    Returns:
        [R] int64.

    >>> compute_tap(np.array([[[1, 2, 3], [10, 20, 30]]]), np.array([1])).tolist()
    [22]
    """
    tapped: Int64Array = accumulators[np.arange(len(aligned)), :, aligned].sum(axis=-1)
    return tapped


def check_logit_range(name: str, head_dim: int, multiplier: int, shift: int) -> None:
    """Refuse constants with which a logit could leave its 24 bits.

    Args:
        name: of the logits, for the error.
        head_dim: d.
        multiplier: 0 .. 65535.
        shift: 0 .. 47.

    Raises:
        ArgumentError: names the largest logit, in octaves.
    """
    check_shift(f"shift of {name}", shift)
    if not 0 <= multiplier <= MAX_MULTIPLIER:
        raise ArgumentError(f"multiplier of {name}", multiplier, f"in [0, {MAX_MULTIPLIER}]")
    largest = head_dim * MAX_ACTIVATION * MAX_CACHED * multiplier
    if (largest + ((1 << shift) >> 1)) >> shift > MAX_LOGIT:
        octaves = largest >> shift + LOGIT_FRACTION_BITS
        limit = f"at most {(MAX_LOGIT + 1) >> LOGIT_FRACTION_BITS} octaves"
        raise ArgumentError(f"largest of {name}", octaves, limit)
