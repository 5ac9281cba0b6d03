"""Rotary position embedding on integers: query to int16, key to int8.

Specified in docs/accelerator.md, section 7 (D-46). The pairs are those of the float decoder,
(i, i + d / 2); hardware has them in adjacent lanes, which permutes rows of W_q and W_k and changes
no score. Both products of a sum are exact; each result is rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import Int8Array, Int16Array, Int64Array
from fastcar.reference.config import ModelConfig
from fastcar.reference.integer.fixed_point import quantize
from fastcar.reference.integer.units import MAX_WEIGHT, saturate, shift_rounding
from fastcar.reference.rotary import compute_frequencies

ROTARY_FRACTION_BITS = 14
"""Cosines and sines stand for integers 2^-14, so that 1 is exact."""

MAX_CACHED = MAX_WEIGHT
"""Largest magnitude of a key or value in the cache."""

KEY_MULTIPLIER = 65026
KEY_SHIFT = 38
"""65,026 2^-38 is the nearest such number to 2^-14 127 / 32767: a key of full scale becomes 127."""


@dataclass(frozen=True)
class IntegerRotaryTable:
    """Cosines and sines of the positions that a run reaches; [positions, d / 2] int16 each."""

    cos: Int16Array
    sin: Int16Array

    def turn(self, x: Int16Array, positions: Int64Array) -> Int64Array:
        """Turn pair (i, i + d / 2) of every head; exact, with 14 more fraction bits.

        Args:
            x: [R, heads, d] int16.
            positions: [R] int64 below the rows of the table.

        Returns:
            [R, heads, d] int64, magnitudes at most 2^30.
        """
        cos = self.cos[positions].astype(np.int64)[:, None]  # [R, 1, d / 2]
        sin = self.sin[positions].astype(np.int64)[:, None]
        first, second = np.split(x.astype(np.int64), 2, axis=-1)
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)

    def rotate_query(self, query: Int16Array, positions: Int64Array) -> Int16Array:
        """sat16(round(turned 2^-14)), [R, H, d] int16; the scale stays."""
        return saturate(shift_rounding(self.turn(query, positions), ROTARY_FRACTION_BITS))

    def rotate_key(self, key: Int16Array, positions: Int64Array) -> Int8Array:
        """round(turned * 65026 2^-38) within +-127, [R, H_kv, d] int8: int16 steps become int8."""
        product = self.turn(key, positions) * KEY_MULTIPLIER
        return narrow(shift_rounding(product, KEY_SHIFT))


def narrow(x: Int16Array | Int64Array) -> Int8Array:
    """Limit to -127 .. 127, as the cache holds keys and values.

    >>> narrow(np.array([-129, -128, 5, 300])).tolist()
    [-127, -127, 5, 127]
    """
    return np.clip(x, -MAX_CACHED, MAX_CACHED).astype(np.int8)


def make_integer_rotary_table(config: ModelConfig, num_positions: int) -> IntegerRotaryTable:
    """Angles in float64, cosines and sines rounded once, whatever the attention factor.

    The factor of YaRN is part of the scales of query and key (D-34, D-46), so 1 is the largest.

    >>> config = ModelConfig(5, 4, 4, 1, 1, 1, 4, 1e-5, 100.0, 8)
    >>> make_integer_rotary_table(config, 2).cos.tolist()
    [[16384, 16384], [8852, 16302]]
    """
    angles = np.outer(np.arange(num_positions), compute_frequencies(config))
    step = 2.0**-ROTARY_FRACTION_BITS
    return IntegerRotaryTable(quantize(np.cos(angles), step), quantize(np.sin(angles), step))
