"""Keys and values of all tokens so far, allocated once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reference.config import ModelConfig
from reference.weights import FloatArray


class KVCache:
    """Keys (after rotary embedding) and values, one slot per fed token.

    Slot s of row b holds position s - padding[b]; the first padding[b] slots are padding.

    Attributes:
        keys: [L, B, H_kv, capacity, d].
        values: [L, B, H_kv, capacity, d].
        padding_tokens: [B] int64, padded slots at the left of each row.
        num_slots: slots in use.
    """

    def __init__(
        self, config: ModelConfig, rows: int, capacity_tokens: int, dtype: np.dtype[np.floating]
    ) -> None:
        shape = (
            config.num_hidden_layers,
            rows,
            config.num_key_value_heads,
            capacity_tokens,
            config.head_dim,
        )
        self.keys: FloatArray = np.zeros(shape, dtype)
        self.values: FloatArray = np.zeros(shape, dtype)
        self.padding_tokens: NDArray[np.int64] = np.zeros(rows, np.int64)
        self.num_slots = 0

    @property
    def capacity_tokens(self) -> int:
        """Slots that were allocated."""
        return int(self.keys.shape[3])

    def reset(self) -> None:
        """Forget all tokens; stale slots are never read because `num_slots` bounds every access."""
        self.num_slots = 0
        self.padding_tokens[:] = 0

    def update(self, layer_index: int, start: int, keys: FloatArray, values: FloatArray) -> None:
        """Write tokens [start, start + T) of one layer; keys and values are [B, T, H_kv, d]."""
        stop = start + keys.shape[1]
        self.keys[layer_index, :, :, start:stop] = keys.swapaxes(1, 2)
        self.values[layer_index, :, :, start:stop] = values.swapaxes(1, 2)
