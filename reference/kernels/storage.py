"""Writing keys and values to a cache of bfloat16 or int8; twin of `KVCache.update`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from fastcar.reference.kernels.compilation import bare_device, choose_by_types, device, kernel
from fastcar.reference.kernels.lanes import get_bits
from fastcar.reference.kernels.products import quantize

Array = Any

_HALF_BELOW = 0x7FFF
"""What rounds up all but the lower half, ties apart."""
_INFINITY_BITS, _WIDE_INFINITY_BITS = 0x7F80, 0x7F800000
"""The exponent bits of bfloat16 and of float32."""
_MAX_INT8 = np.float32(127)
NOT_FINITE = -1


@bare_device
def round_number(x: float) -> Any:
    """Bits of the nearest bfloat16 number, ties to even; `NOT_FINITE` if that is none."""
    bits = np.int64(np.uint32(get_bits(x)))
    rounded = (bits + _HALF_BELOW + ((bits >> 16) & 1)) >> 16
    is_finite = (rounded & _INFINITY_BITS) != _INFINITY_BITS
    # a NaN whose bits are all ones was carried over to zero
    is_finite &= (bits & _WIDE_INFINITY_BITS) != _WIDE_INFINITY_BITS
    return rounded if is_finite else np.int64(NOT_FINITE)


@device
def round_tokens(given: Array, stored: Array, start: int) -> bool:
    """Nearest bfloat16 numbers, ties to even; whether all are finite."""
    rows, tokens, heads, head_dim = given.shape
    is_finite = True
    for row in range(rows):
        for token in range(tokens):
            for head in range(heads):
                for place in range(head_dim):
                    rounded = round_number(given[row, token, head, place])
                    is_finite &= rounded != NOT_FINITE
                    stored[row, head, start + token, place] = np.uint16(rounded)
    return is_finite


@device
def quantize_tokens(given: Array, stored: Array, scales: Array, start: int) -> bool:
    """Int8 numbers and a scale for each token and head; whether all are finite."""
    rows, tokens, heads, _ = given.shape
    stop = start + tokens
    sums = np.empty(tokens, np.int32)  # for products with int8 rows, which nobody takes here
    for row in range(rows):
        for head in range(heads):
            entries = stored[row, head, start:stop]
            quantize(given[row, :, head], entries, sums, scales[row, head, start:stop])
    are_finite: bool = np.isfinite(scales[:, :, start:stop] * _MAX_INT8).all()
    return are_finite


def keep(given: Array, stored: Array, scales: Array, start: int) -> bool:
    """Kernels call it: keep tokens as a cache of this type does; whether all are finite in it."""
    raise NotImplementedError


@choose_by_types(keep)
def _choose_keep(given: Array, stored: Array, scales: Array, start: int) -> Any:
    def keep_bfloat16(given: Array, stored: Array, scales: Array, start: int) -> bool:
        is_finite: bool = round_tokens(given, stored, start)
        return is_finite

    def keep_int8(given: Array, stored: Array, scales: Array, start: int) -> bool:
        is_finite: bool = quantize_tokens(given, stored, scales, start)
        return is_finite

    return keep_int8 if stored.dtype == types.int8 else keep_bfloat16


@kernel()
def store_tokens(
    keys: Array,
    values: Array,
    stored_keys: Array,
    stored_values: Array,
    key_scales: Array,
    value_scales: Array,
    start: int,
) -> bool:
    """Write keys and values [B, T, H_kv, d] to entries start, .. of [B, H_kv, capacity, d].

    Those are uint16, the bits of bfloat16, without scales [B, H_kv, 0]; or int8 with [B, H_kv,
    capacity] float32.

    Returns:
        Whether all numbers are finite as stored; if not, what was written means nothing.
    """
    are_keys_finite = keep(keys, stored_keys, key_scales, start)
    are_values_finite: bool = keep(values, stored_values, value_scales, start)
    return are_keys_finite and are_values_finite
