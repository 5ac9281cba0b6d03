"""The key-value cache: every token in its slot, for its own layer and row."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference.kv_cache import KVCache
from tests.reference.runs import make_config

CONFIG = make_config()
DTYPE = np.dtype(np.float32)


@given(st.integers(1, 3), st.lists(st.integers(0, 8), max_size=4), st.integers(0, 2**16))
def test_pieces_of_any_size_make_the_whole(rows: int, cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (CONFIG.num_hidden_layers, rows, 8, CONFIG.num_key_value_heads, CONFIG.head_dim)
    keys, values = rng.standard_normal(shape, DTYPE), rng.standard_normal(shape, DTYPE)
    cache = KVCache(CONFIG, rows, 8, DTYPE)
    for start, stop in pairwise([0, *sorted(cuts), 8]):
        for layer in range(CONFIG.num_hidden_layers):
            cache.update(layer, start, keys[layer, :, start:stop], values[layer, :, start:stop])
    assert np.array_equal(cache.keys, keys.swapaxes(2, 3))
    assert np.array_equal(cache.values, values.swapaxes(2, 3))


@given(st.integers(0, 1), st.integers(0, 7))
def test_an_update_writes_its_layer_and_slot_only(layer: int, slot: int) -> None:
    cache = KVCache(CONFIG, 2, 8, DTYPE)
    token = np.ones((2, 1, CONFIG.num_key_value_heads, CONFIG.head_dim), DTYPE)
    cache.update(layer, slot, token, 2 * token)
    assert (cache.keys[layer, :, :, slot] == 1).all()
    assert (cache.values[layer, :, :, slot] == 2).all()
    assert cache.keys.sum() == token.size
    assert cache.values.sum() == 2 * token.size


def test_room_is_what_was_asked_for() -> None:
    cache = KVCache(CONFIG, 3, 8, DTYPE)
    assert cache.capacity_tokens == 8
    assert cache.keys.shape == cache.values.shape == (2, 3, 2, 8, 4)
    assert cache.keys.dtype == cache.values.dtype == DTYPE
    assert cache.num_slots == 0


def test_reset_forgets_tokens_and_padding_and_allocates_nothing() -> None:
    cache = KVCache(CONFIG, 2, 8, DTYPE)
    keys = cache.keys
    cache.num_slots = 5
    cache.padding_tokens[:] = 3
    cache.reset()
    assert cache.num_slots == 0
    assert not cache.padding_tokens.any()
    assert cache.keys is keys
