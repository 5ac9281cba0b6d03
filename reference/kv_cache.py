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


class CacheStorage(Enum):
    """How keys and values are kept (D-32)."""

    EXACT = "exact"
    """In the dtype of the arithmetic."""
    BFLOAT16 = "bfloat16"
    """Rounded once, when they are written: half of the bytes of float32."""


class KVCache:
    """Keys (after rotary embedding) and values, one entry per fed token.

    Entry s of row b holds position s - padding[b]; the first padding[b] entries are padding.

    Args:
        config: sizes.
        rows: B.
        capacity_tokens: entries.
        dtype: of the arithmetic.
        storage: how the numbers are kept; bfloat16 with float32 only.

    Attributes:
        keys: [L, B, H_kv, capacity, d] as stored: floats, or the bits of bfloat16 (uint16).
        values: [L, B, H_kv, capacity, d], likewise.
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
        if storage is CacheStorage.BFLOAT16 and dtype != np.float32:
            raise ArgumentError("kv_cache", storage.value, f"exact with {dtype}")
        shape = (
            config.num_hidden_layers,
            rows,
            config.num_key_value_heads,
            capacity_tokens,
            config.head_dim,
        )
        self._is_rounded = storage is CacheStorage.BFLOAT16
        stored = np.dtype(np.uint16) if self._is_rounded else dtype
        self.keys: NDArray[Any] = np.zeros(shape, stored)
        self.values: NDArray[Any] = np.zeros(shape, stored)
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
            ArgumentError: a number does not fit into bfloat16.
        """
        stop = start + keys.shape[1]
        for stored, given in ((self.keys, keys), (self.values, values)):
            bits = round_bits(given, "key or value") if self._is_rounded else given
            stored[layer_index, :, :, start:stop] = bits.swapaxes(1, 2)

    def get_keys(self, layer_index: int, start: int, stop: int) -> FloatArray:
        """Keys of entries [start, stop) as attention reads them, [B, H_kv, entries, d]."""
        return self._read(self.keys[layer_index, :, :, start:stop])

    def get_values(self, layer_index: int, start: int, stop: int) -> FloatArray:
        """Values, likewise."""
        return self._read(self.values[layer_index, :, :, start:stop])

    def _read(self, stored: NDArray[Any]) -> FloatArray:
        return widen_bits(stored) if self._is_rounded else stored
