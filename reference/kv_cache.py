"""Keys and values of all tokens so far, allocated once."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray
from fastcar.reference.bfloat16_matrix import round_bits, widen_bits
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.int8_matrix import quantize_rows

STORED = "key or value"
"""What a refusal calls a number that does not fit."""


class CacheStorage(Enum):
    """How keys and values are kept (D-32, D-50)."""

    EXACT = "exact"
    """In the dtype of the arithmetic."""
    BFLOAT16 = "bfloat16"
    """Rounded once, when they are written: half of the bytes of float32."""
    INT8 = "int8"
    """Integers with one scale for each vector [d]: a quarter of the bytes, and 4 / d of it."""


STORED_DTYPES: dict[CacheStorage, np.dtype[Any]] = {
    CacheStorage.BFLOAT16: np.dtype(np.uint16),
    CacheStorage.INT8: np.dtype(np.int8),
}
"""Of what is not kept in the dtype of the arithmetic."""
STORED_LIMITS = {
    CacheStorage.BFLOAT16: (2 - 2**-8) * 2.0**127,
    CacheStorage.INT8: float(np.finfo(np.float32).max),
}
"""From here on a number is infinite as it is kept: 127 steps of a 127th may be rounded up."""


class KVCache:
    """Keys (after rotary embedding) and values, one entry per fed token.

    Entry s of row b holds position s - padding[b]; the first padding[b] entries are padding.

    Args:
        config: sizes.
        rows: B.
        capacity_tokens: entries.
        dtype: of the arithmetic.
        storage: how the numbers are kept; bfloat16 and int8 with float32 only.

    Attributes:
        storage: how the numbers are kept.
        keys: [L, B, H_kv, capacity, d] as stored: floats, the bits of bfloat16 (uint16), or int8.
        values: [L, B, H_kv, capacity, d], likewise.
        key_scales: [L, B, H_kv, capacity] float32, what one unit of an int8 key stands for; without
            int8 there are none, [L, B, H_kv, 0].
        value_scales: of values, likewise.
        padding_tokens: [B] int64, padded entries at the left of each row.
        num_entries: entries in use.
    """

    def __init__(
        self,
        config: ModelConfig,
        rows: int,
        capacity_tokens: int,
        dtype: np.dtype[np.floating],
        storage: CacheStorage = CacheStorage.EXACT,
    ) -> None:
        if storage is not CacheStorage.EXACT and dtype != np.float32:
            raise ArgumentError("kv_cache", storage.value, f"exact with {dtype}")
        shape = (
            config.num_hidden_layers,
            rows,
            config.num_key_value_heads,
            capacity_tokens,
            config.head_dim,
        )
        self.storage = storage
        stored: np.dtype[Any] = STORED_DTYPES.get(storage, dtype)
        self.keys: NDArray[Any] = np.zeros(shape, stored)
        self.values: NDArray[Any] = np.zeros(shape, stored)
        num_scales = capacity_tokens if storage is CacheStorage.INT8 else 0
        self.key_scales: NDArray[np.float32] = np.zeros((*shape[:3], num_scales), np.float32)
        self.value_scales: NDArray[np.float32] = np.zeros_like(self.key_scales)
        self.padding_tokens: NDArray[np.int64] = np.zeros(rows, np.int64)
        self.num_entries = 0

    @property
    def capacity_tokens(self) -> int:
        """Entries that were allocated."""
        return int(self.keys.shape[3])

    def reset(self) -> None:
        """Forget all tokens; `num_entries` bounds every access, so stale ones are never read."""
        self.num_entries = 0
        self.padding_tokens[:] = 0

    def update(self, layer_index: int, start: int, keys: FloatArray, values: FloatArray) -> None:
        """Write tokens [start, start + T) of one layer; keys and values are [B, T, H_kv, d].

        Raises:
            ArgumentError: a number is not finite as it would be stored; bfloat16 and int8 only.
        """
        entries = np.s_[layer_index, :, :, start : start + keys.shape[1]]
        self._write(keys, self.keys[entries], self.key_scales[entries])
        self._write(values, self.values[entries], self.value_scales[entries])

    def get_keys(self, layer_index: int, start: int, stop: int) -> FloatArray:
        """Keys of entries [start, stop) as attention reads them, [B, H_kv, entries, d]."""
        entries = np.s_[layer_index, :, :, start:stop]
        return self._read(self.keys[entries], self.key_scales[entries])

    def get_values(self, layer_index: int, start: int, stop: int) -> FloatArray:
        """Values, likewise."""
        entries = np.s_[layer_index, :, :, start:stop]
        return self._read(self.values[entries], self.value_scales[entries])

    def _write(self, given: FloatArray, stored: NDArray[Any], scales: NDArray[np.float32]) -> None:
        """Keep [B, T, H_kv, d] in views [B, H_kv, T, d] and, of int8, [B, H_kv, T]."""
        kept: NDArray[Any] = given
        if self.storage is CacheStorage.BFLOAT16:
            kept = round_bits(given, STORED)
        elif self.storage is CacheStorage.INT8:
            kept, kept_scales = quantize_vectors(given)
            scales[:] = kept_scales.swapaxes(1, 2)
        stored[:] = kept.swapaxes(1, 2)

    def _read(self, stored: NDArray[Any], scales: NDArray[np.float32]) -> FloatArray:
        """The numbers that views [B, H_kv, entries, d] and [B, H_kv, entries] stand for."""
        if self.storage is CacheStorage.BFLOAT16:
            return widen_bits(stored)
        if self.storage is CacheStorage.INT8:
            numbers: FloatArray = stored * scales[..., None]
            return numbers
        return stored


def quantize_vectors(vectors: FloatArray) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers [..., d] and scales [...] of vectors [..., d], each as `quantize_rows` does a row.

    Raises:
        ArgumentError: a number is not finite as it would be kept.

    >>> values, scales = quantize_vectors(np.array([[[2.54, -0.01], [0.0, 0.0]]], np.float32))
    >>> values.tolist(), scales[0, 0].round(6)
    ([[[127, 0], [0, 0]]], np.float32(0.02))
    """
    is_finite = np.abs(vectors) < STORED_LIMITS[CacheStorage.INT8]  # NaN is not
    if not is_finite.all():
        limit = "finite as int8 with a scale"
        raise ArgumentError(STORED, float(vectors[~is_finite][0]), limit)
    rows = quantize_rows(vectors.reshape(-1, vectors.shape[-1]))
    return rows.values.reshape(vectors.shape), rows.scales.reshape(vectors.shape[:-1])
