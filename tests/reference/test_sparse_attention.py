"""Sinks and window, against a brute-force statement of which key is seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.attention import compute_attention
from fastcar.reference.errors import ArgumentError
from fastcar.reference.sparse_attention import SparseAttention, make_prompt_visibility
from tests.reference.strategies import AttentionInput, attention_inputs

windows = st.integers(1, 12)
sink_counts = st.integers(0, 6)


def is_seen(entry: int, num_entries: int, padding: int, sparse: SparseAttention | None) -> bool:
    """The definition: a fed, not padded entry that is among the newest or the oldest tokens."""
    if not padding <= entry < num_entries:
        return False
    if sparse is None:
        return True
    is_new = entry >= num_entries - sparse.window_tokens
    return is_new or entry - padding < sparse.sink_tokens


def label_entries(rows: int, num_entries: int) -> np.ndarray:
    """Keys that carry their own entry and row, [B, 1, S, 2]."""
    labels = np.stack(np.meshgrid(np.arange(rows), np.arange(num_entries), indexing="ij"), axis=-1)
    return labels[:, None].astype(np.float64)


@given(
    st.integers(1, 16), windows, sink_counts, st.lists(st.integers(0, 5), min_size=3, max_size=3)
)
def test_selected_and_visible_entries_are_the_seen_ones_once(
    num_entries: int, window: int, sinks: int, paddings: list[int]
) -> None:
    sparse = SparseAttention(window, sinks)
    padding = np.minimum(paddings, num_entries - 1)
    labels = label_entries(3, num_entries)
    keys, values, visible = sparse.select(labels, -labels, padding)
    assert keys.shape[2] == min(num_entries, sinks + window)
    assert np.array_equal(values, -keys)
    for row in range(3):
        assert (keys[row, 0, :, 0] == row).all()
        chosen = keys[row, 0, visible[row], 1].astype(int).tolist()
        expected = [
            s for s in range(num_entries) if is_seen(s, num_entries, int(padding[row]), sparse)
        ]
        assert sorted(chosen) == expected  # an entry chosen twice would stand twice


@given(st.integers(1, 16), windows, sink_counts)
def test_gathered_index_finds_every_entry_of_the_window(
    num_entries: int, window: int, sinks: int
) -> None:
    sparse = SparseAttention(window, sinks)
    labels = label_entries(1, num_entries)
    keys, _, visible = sparse.select(labels, labels, np.zeros(1, np.int64))
    for entry in range(num_entries):
        index = sparse.get_gathered_index(entry, num_entries)
        assert (index is None) == (entry < num_entries - window)
        if index is not None:
            assert keys[0, 0, index, 1] == entry
            assert visible[0, index]


@given(attention_inputs(), st.integers(0, 3), sink_counts)
def test_a_window_over_everything_is_full_attention_bit_for_bit(
    case: AttentionInput, excess: int, sinks: int
) -> None:
    num_entries = case.keys.shape[2]
    sparse = SparseAttention(num_entries + excess, sinks)
    padding = np.zeros(len(case.query), np.int64)
    keys, values, visible = sparse.select(case.keys, case.values, padding)
    full, full_tap = compute_attention(case.query, case.keys, case.values, None, 0)
    windowed, tapped = compute_attention(
        case.query, keys, values, visible, sparse.get_gathered_index(0, num_entries)
    )
    assert np.array_equal(full, windowed)
    assert full_tap is not None
    assert tapped is not None
    assert np.array_equal(full_tap, tapped)


@given(
    st.integers(1, 9),
    st.lists(st.integers(0, 8), min_size=2, max_size=2),
    st.none() | st.builds(SparseAttention, windows, sink_counts),
)
def test_prompt_visibility_is_the_definition(
    length: int, paddings: list[int], sparse: SparseAttention | None
) -> None:
    padding = np.minimum(paddings, length - 1)
    mask = np.arange(length) >= padding[:, None]
    visible = make_prompt_visibility(mask, sparse)
    for row, query, key in np.ndindex(2, length, length):
        seen = query >= padding[row] and is_seen(key, query + 1, int(padding[row]), sparse)
        assert visible[row, query, key] == seen


@given(st.integers(1, 9), windows, sink_counts, st.integers(0, 8))
def test_prompt_and_decode_see_the_same_keys(
    length: int, window: int, sinks: int, padding: int
) -> None:
    sparse = SparseAttention(window, sinks)
    paddings = np.array([min(padding, length - 1)])
    visible = make_prompt_visibility(np.arange(length) >= paddings[:, None], sparse)
    labels = label_entries(1, length)
    keys, _, chosen = sparse.select(labels, labels, paddings)
    assert sorted(keys[0, 0, chosen[0], 1]) == np.flatnonzero(visible[0, -1]).tolist()


def test_every_token_sees_itself_under_the_smallest_window() -> None:
    visible = make_prompt_visibility(np.ones((1, 5), bool), SparseAttention(1, 0))
    assert np.array_equal(visible[0], np.eye(5, dtype=bool))


@pytest.mark.parametrize(
    ("window", "sinks", "message"),
    [
        (0, 4, r"^window = 0: must be at least 1$"),
        (-3, 4, r"^window = -3: must be at least 1$"),
        (1, -1, r"^sinks = -1: must be at least 0$"),
    ],
)
def test_refuses_sizes_below_the_limit(window: int, sinks: int, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        SparseAttention(window, sinks)
