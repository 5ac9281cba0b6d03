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


def is_seen(slot: int, num_slots: int, padding: int, sparse: SparseAttention | None) -> bool:
    """The definition: a fed, not padded slot that is among the newest or the oldest tokens."""
    if not padding <= slot < num_slots:
        return False
    if sparse is None:
        return True
    is_new = slot >= num_slots - sparse.window_tokens
    return is_new or slot - padding < sparse.sink_tokens


def label_slots(rows: int, num_slots: int) -> np.ndarray:
    """Keys that carry their own slot and row, [B, 1, S, 2]."""
    labels = np.stack(np.meshgrid(np.arange(rows), np.arange(num_slots), indexing="ij"), axis=-1)
    return labels[:, None].astype(np.float64)


@given(
    st.integers(1, 16), windows, sink_counts, st.lists(st.integers(0, 5), min_size=3, max_size=3)
)
def test_selected_and_visible_slots_are_the_seen_ones_once(
    num_slots: int, window: int, sinks: int, paddings: list[int]
) -> None:
    sparse = SparseAttention(window, sinks)
    padding = np.minimum(paddings, num_slots - 1)
    labels = label_slots(3, num_slots)
    keys, values, visible = sparse.select(labels, -labels, padding)
    assert keys.shape[2] == min(num_slots, sinks + window)
    assert np.array_equal(values, -keys)
    for row in range(3):
        assert (keys[row, 0, :, 0] == row).all()
        chosen = keys[row, 0, visible[row], 1].astype(int).tolist()
        expected = [s for s in range(num_slots) if is_seen(s, num_slots, int(padding[row]), sparse)]
        assert sorted(chosen) == expected  # a slot chosen twice would stand twice


@given(st.integers(1, 16), windows, sink_counts)
def test_gathered_index_finds_every_slot_of_the_window(
    num_slots: int, window: int, sinks: int
) -> None:
    sparse = SparseAttention(window, sinks)
    labels = label_slots(1, num_slots)
    keys, _, visible = sparse.select(labels, labels, np.zeros(1, np.int64))
    for slot in range(num_slots):
        index = sparse.get_gathered_index(slot, num_slots)
        assert (index is None) == (slot < num_slots - window)
        if index is not None:
            assert keys[0, 0, index, 1] == slot
            assert visible[0, index]


@given(attention_inputs(), st.integers(0, 3), sink_counts)
def test_a_window_over_everything_is_full_attention_bit_for_bit(
    case: AttentionInput, excess: int, sinks: int
) -> None:
    num_slots = case.keys.shape[2]
    sparse = SparseAttention(num_slots + excess, sinks)
    padding = np.zeros(len(case.query), np.int64)
    keys, values, visible = sparse.select(case.keys, case.values, padding)
    full, full_tap = compute_attention(case.query, case.keys, case.values, None, 0)
    windowed, tapped = compute_attention(
        case.query, keys, values, visible, sparse.get_gathered_index(0, num_slots)
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
    labels = label_slots(1, length)
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
