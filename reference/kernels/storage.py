"""Writing keys and values to a cache of bfloat16; twin of `KVCache.update`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import bare_device, device, kernel
from fastcar.reference.kernels.lanes import get_bits

Array = Any

_HALF_BELOW = 0x7FFF
"""What rounds up all but the lower half, ties apart."""
_INFINITY_BITS, _WIDE_INFINITY_BITS = 0x7F80, 0x7F800000
"""The exponent bits of bfloat16 and of float32."""
NOT_FINITE = -1


@bare_device
def round_number(x: float) -> int:
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


@kernel()
def store_tokens(
    keys: Array, values: Array, stored_keys: Array, stored_values: Array, start: int
) -> bool:
    """Write keys and values [B, T, H_kv, d] to entries start, .. of [B, H_kv, capacity, d] uint16.

    Returns:
        Whether all numbers are finite as bfloat16; if not, what was written means nothing.
    """
    are_keys_finite = round_tokens(keys, stored_keys, start)
    are_values_finite: bool = round_tokens(values, stored_values, start)
    return are_keys_finite and are_values_finite
