"""StreamingLLM sparse attention: the first tokens (sinks) and a local window are visible.

Positions stay those of the full sequence (D-08).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arguments import check_argument, check_fields
from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.errors import ArgumentError

DEFAULT_SINKS = 4


@dataclass(frozen=True)
class SparseAttention:
    """Which keys a token sees.

    Attributes:
        window_tokens: newest tokens that are visible, the token itself included; at least 1.
        sink_tokens: oldest tokens that stay visible; at least 0.
    """

    window_tokens: int
    sink_tokens: int = DEFAULT_SINKS

    def __post_init__(self) -> None:
        check_fields(self, {"window_tokens": "window", "sink_tokens": "sinks"})
        if self.window_tokens < 1:
            raise ArgumentError("window", self.window_tokens, "at least 1")
        if self.sink_tokens < 0:
            raise ArgumentError("sinks", self.sink_tokens, "at least 0")

    def get_window_start(self, num_entries: int) -> int:
        """First entry of the window when `num_entries` entries are in use."""
        return max(0, num_entries - self.window_tokens)

    def select(
        self, keys: FloatArray, values: FloatArray, padding_tokens: NDArray[np.int64]
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Gather sinks and window of each row.

        Args:
            keys: [B, H_kv, S, d], all entries in use.
            values: [B, H_kv, S, d].
            padding_tokens: [B], padded entries at the left.

        Returns:
            keys and values [B, H_kv, n, d] with n = min(S, sinks + window), sinks first, and
            visible [B, n], False for padding and for a sink that lies in the window already.
        """
        num_entries = keys.shape[2]
        start = self.get_window_start(num_entries)
        num_sinks = min(self.sink_tokens, start)
        sinks = padding_tokens[:, None] + np.arange(num_sinks)  # [B, sinks]
        window = np.arange(start, num_entries)  # [window]
        is_sink = sinks < start
        in_window = window >= padding_tokens[:, None]
        row = np.arange(len(keys))[:, None]
        entries = np.minimum(sinks, num_entries - 1)

        def gather(source: FloatArray) -> FloatArray:
            sink_part = source[row, :, entries].swapaxes(1, 2)  # [B, H_kv, sinks, d]
            return np.concatenate([sink_part, source[:, :, start:]], axis=2)

        visible = np.concatenate([is_sink, in_window], axis=1)
        return gather(keys), gather(values), visible

    def get_gathered_index(self, entry: int, num_entries: int) -> int | None:
        """Where `select` puts an entry of the window; None if it has left the window."""
        start = self.get_window_start(num_entries)
        if entry < start:
            return None
        return min(self.sink_tokens, start) + entry - start


def make_prompt_visibility(prompt_mask: BoolArray, sparse: SparseAttention | None) -> BoolArray:
    """Which key each prompt token sees: causal, not padded, and in sinks or window if sparse.

    Args:
        prompt_mask: [B, P], False for padding, which stands at the left.
        sparse: None for full attention.

    Returns:
        [B, P, P], queries along axis 1, keys along axis 2.
    """
    length = prompt_mask.shape[1]
    query, key = np.arange(length)[:, None], np.arange(length)
    visible = (key <= query) & prompt_mask[:, None, :] & prompt_mask[:, :, None]
    if sparse is not None:
        padding = (~prompt_mask).sum(axis=1)[:, None, None]
        in_window = key > query - sparse.window_tokens
        visible &= in_window | (key - padding < sparse.sink_tokens)
    return visible


def make_sparse_attention(window: int | None, sinks: int | None) -> SparseAttention | None:
    """From what a user asks for; None = full attention.

    Args:
        window: newest tokens; None = all.
        sinks: oldest tokens beside them; None = `DEFAULT_SINKS`.

    Raises:
        ArgumentError: sinks without a window, sizes outside of their limits.
    """
    sinks = check_argument("sinks", sinks, int | None)
    if window is not None:
        return SparseAttention(window, DEFAULT_SINKS if sinks is None else sinks)
    if sinks is not None:
        raise ArgumentError("sinks", sinks, "given together with window")
    return None
