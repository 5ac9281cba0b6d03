"""The newest token's key and value, turned and written; the numbers of `rotary` and `storage`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import choose_by_types, inlined_device
from fastcar.reference.kernels.products import MAX_INT8, quantize_row
from fastcar.reference.kernels.storage import NOT_FINITE, round_number

Array = Any


@inlined_device
def rotate_head(x: Array, first: int, head_dim: int, cosines: Array, sines: Array) -> None:
    """Turn x[first:first + d] in place; cosines and sines [d / 2] of its position."""
    half = head_dim // 2
    for place in range(half):
        low, high = x[first + place], x[first + place + half]
        cosine, sine = cosines[place], sines[place]
        x[first + place] = low * cosine - high * sine
        x[first + place + half] = high * cosine + low * sine


def write_entry(stored: Array, scales: Array, entry: int, x: Array, first: int) -> bool:
    """Kernels call it: keep x[first:first + d] in an entry of stored [capacity, d].

    Returns:
        Whether all numbers are finite as they are stored.
    """
    raise NotImplementedError


@choose_by_types(write_entry)
def _choose_write(stored: Array, scales: Array, entry: int, x: Array, first: int) -> Any:
    def write_exact(stored: Array, scales: Array, entry: int, x: Array, first: int) -> bool:
        for place in range(stored.shape[1]):
            stored[entry, place] = x[first + place]
        return True

    def write_rounded(stored: Array, scales: Array, entry: int, x: Array, first: int) -> bool:
        is_finite = True
        for place in range(stored.shape[1]):
            rounded = round_number(x[first + place])
            is_finite &= rounded != NOT_FINITE
            stored[entry, place] = np.uint16(rounded)
        return is_finite

    def write_int8(stored: Array, scales: Array, entry: int, x: Array, first: int) -> bool:
        scales[entry] = quantize_row(x[first : first + stored.shape[1]], stored[entry])[1]
        is_finite: bool = np.isfinite(scales[entry] * MAX_INT8)
        return is_finite

    return {32: write_exact, 16: write_rounded, 8: write_int8}[stored.dtype.bitwidth]
