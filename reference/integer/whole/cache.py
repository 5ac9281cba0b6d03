"""Cache of int8 keys and values, in the order of each row's own positions.

Padding takes no place, so the words of L keys of a row are the same whatever is beside it in the
batch (D-05): key s of a row is that of its position s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import BoolArray, Int8Array, Int64Array
from fastcar.reference.config import ModelConfig
from fastcar.reference.sparse_attention import SparseAttention


class IntegerCache:
    """Keys (after rotary embedding) and values of every fed token.

    Args:
        config: sizes.
        rows: B.
        capacity_tokens: positions.

    Attributes:
        keys: [L, B, H_kv, capacity, d] int8.
        values: [L, B, H_kv, capacity, d] int8.
    """

    def __init__(self, config: ModelConfig, rows: int, capacity_tokens: int) -> None:
        heads = config.num_key_value_heads
        shape = config.num_hidden_layers, rows, heads, capacity_tokens, config.head_dim
        self.keys: Int8Array = np.zeros(shape, np.int8)
        self.values: Int8Array = np.zeros(shape, np.int8)

    def store(
        self,
        layer_index: int,
        rows: Int64Array,
        positions: Int64Array,
        keys: Int8Array,
        values: Int8Array,
    ) -> None:
        """Write one token of each of some rows [R]; keys and values are [R, H_kv, d]."""
        self.keys[layer_index, rows, :, positions] = keys
        self.values[layer_index, rows, :, positions] = values

    def get_keys(self, layer_index: int, rows: Int64Array, num_positions: int) -> Int8Array:
        """Keys of the first positions of some rows, [R, H_kv, positions, d]."""
        return self.keys[layer_index, rows, :, :num_positions]

    def get_values(self, layer_index: int, rows: Int64Array, num_positions: int) -> Int8Array:
        """Values, likewise."""
        return self.values[layer_index, rows, :, :num_positions]


def make_visibility(positions: Int64Array, sparse: SparseAttention | None) -> BoolArray:
    """Which keys the tokens at some positions see.

    Args:
        positions: [R] int64.
        sparse: sinks and window; None = all keys up to the token itself.

    Returns:
        [R, n] with n = largest position + 1.

    >>> make_visibility(np.array([1, 3]), SparseAttention(2, 1)).astype(int).tolist()
    [[1, 1, 0, 0], [1, 0, 1, 1]]
    """
    token, key = positions[:, None], np.arange(int(positions.max()) + 1)
    visible: BoolArray = key <= token
    if sparse is not None:
        visible &= (key > token - sparse.window_tokens) | (key < sparse.sink_tokens)
    return visible


@dataclass(frozen=True)
class VisibleRuns:
    """Keys in the order in which words of L hold them, and which of them count.

    Attributes:
        keys: [m] int64, which of the n keys each place of the words holds.
        visible: [R, m], False for a place that does not count.
    """

    keys: Int64Array
    visible: BoolArray


def make_visible_runs(
    positions: Int64Array, sparse: SparseAttention | None, num_lanes: int
) -> VisibleRuns:
    """The visible keys as words: one run, or sinks and window as two where these do not meet.

    A block of L keys that holds sinks and the beginning of a window that does not reach them is two
    words (D-47). A row whose visible keys are one run has nothing visible in the words before.

    Args:
        positions: [R] int64.
        sparse: sinks and window; None = all keys up to the token itself.
        num_lanes: L.

    >>> runs = make_visible_runs(np.array([3, 6]), SparseAttention(3, 2), num_lanes=4)
    >>> runs.keys.tolist()
    [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6]
    >>> runs.visible.astype(int).tolist()
    [[0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1]]
    """
    visible = make_visibility(positions, sparse)
    all_keys = np.arange(visible.shape[1])
    if sparse is None:
        return VisibleRuns(all_keys, visible)
    is_apart = positions - sparse.window_tokens + 1 > sparse.sink_tokens  # [R]
    if not (is_apart.any() and sparse.sink_tokens):
        return VisibleRuns(all_keys, visible)
    places = np.arange(-(-sparse.sink_tokens // num_lanes) * num_lanes)
    sinks = (places < sparse.sink_tokens) & is_apart[:, None]
    rest = visible & ~((all_keys < sparse.sink_tokens) & is_apart[:, None])
    return VisibleRuns(
        np.concatenate([np.minimum(places, all_keys[-1]), all_keys]),
        np.concatenate([sinks, rest], axis=1),
    )
