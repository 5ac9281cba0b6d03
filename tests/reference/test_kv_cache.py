"""The key-value cache: every token in its entry, for its own layer and row."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference import decoder
from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.attention import compute_prompt_attention
from fastcar.reference.bfloat16_matrix import round_bits, round_to_bfloat16, widen_bits
from fastcar.reference.errors import ArgumentError
from fastcar.reference.kv_cache import CacheStorage, KVCache
from fastcar.strategies import Run, make_config, runs
from tests.examples import examples
from tests.reference.runs import decode
from tests.reference.strategies import GateSpec, attention_options, gate_specs

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
def test_an_update_writes_its_layer_and_entry_only(layer: int, entry: int) -> None:
    cache = KVCache(CONFIG, 2, 8, DTYPE)
    token = np.ones((2, 1, CONFIG.num_key_value_heads, CONFIG.head_dim), DTYPE)
    cache.update(layer, entry, token, 2 * token)
    assert (cache.keys[layer, :, :, entry] == 1).all()
    assert (cache.values[layer, :, :, entry] == 2).all()
    assert cache.keys.sum() == token.size
    assert cache.values.sum() == 2 * token.size


def test_room_is_what_was_asked_for() -> None:
    cache = KVCache(CONFIG, 3, 8, DTYPE)
    assert cache.capacity_tokens == 8
    assert cache.keys.shape == cache.values.shape == (2, 3, 2, 8, 4)
    assert cache.keys.dtype == cache.values.dtype == DTYPE
    assert cache.num_entries == 0


def test_reset_forgets_tokens_and_padding_and_allocates_nothing() -> None:
    cache = KVCache(CONFIG, 2, 8, DTYPE)
    keys = cache.keys
    cache.num_entries = 5
    cache.padding_tokens[:] = 3
    cache.reset()
    assert cache.num_entries == 0
    assert not cache.padding_tokens.any()
    assert cache.keys is keys


@given(st.integers(0, 2**16))
def test_a_bfloat16_cache_gives_back_the_nearest_bfloat16(seed: int) -> None:
    """Half of the bytes; what is read is rounded once, at most 2^-8 off."""
    cache = KVCache(CONFIG, 2, 8, DTYPE, CacheStorage.BFLOAT16)
    assert cache.keys.nbytes == KVCache(CONFIG, 2, 8, DTYPE).keys.nbytes // 2
    shape = 2, 3, CONFIG.num_key_value_heads, CONFIG.head_dim
    keys, values = np.random.default_rng(seed).standard_normal((2, *shape), DTYPE)
    cache.update(1, 4, keys, values)
    for read, given_ in ((cache.get_keys, keys), (cache.get_values, values)):
        found = read(1, 4, 7).swapaxes(1, 2)
        expected = round_to_bfloat16(given_.reshape(2, -1)).widen().reshape(shape)
        assert np.array_equal(found, expected)
        assert (np.abs(found - given_) <= np.abs(given_) * 2**-8).all()
        assert not read(0, 0, 8).any()


def test_a_bfloat16_cache_takes_float32_only() -> None:
    with pytest.raises(ArgumentError, match="kv_cache = 'bfloat16': must be exact with float64"):
        KVCache(CONFIG, 2, 8, np.dtype(np.float64), CacheStorage.BFLOAT16)


def test_what_bfloat16_cannot_hold_is_refused_by_name() -> None:
    cache = KVCache(CONFIG, 1, 8, DTYPE, CacheStorage.BFLOAT16)
    token = np.ones((1, 1, CONFIG.num_key_value_heads, CONFIG.head_dim), DTYPE)
    with pytest.raises(ArgumentError, match="key or value"):
        cache.update(0, 0, token, token * 3.4e38)


@examples(30)
@given(runs(dtypes=(np.float32,)), gate_specs, attention_options)
def test_decoding_with_bfloat16_is_decoding_with_rounded_keys_and_values(
    run: Run, spec: GateSpec, options: dict[str, Any]
) -> None:
    """Prompt, attention and score all read what was rounded; nothing else changes (D-32)."""
    layers = run.config.num_hidden_layers
    rounded = decode(run, spec.make(layers), cache_storage=CacheStorage.BFLOAT16, **options)
    update = KVCache.update

    def update_rounded(
        cache: KVCache, layer: int, start: int, keys: FloatArray, values: FloatArray
    ) -> None:
        update(cache, layer, start, *(widen_bits(round_bits(part)) for part in (keys, values)))

    def attend_rounded(
        query: FloatArray, keys: FloatArray, values: FloatArray, visible: BoolArray
    ) -> FloatArray:
        """The prompt's attention, whatever it takes for keys and values."""
        keys, values = (widen_bits(round_bits(part)) for part in (keys, values))
        return compute_prompt_attention(query, keys, values, visible)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KVCache, "update", update_rounded)
        patch.setattr(decoder, "compute_prompt_attention", attend_rounded)
        expected = decode(run, spec.make(layers), **options)
    assert np.array_equal(rounded.prefill_logits, expected.prefill_logits)
    assert np.array_equal(rounded.logits, expected.logits)
    assert np.array_equal(rounded.replayed, expected.replayed)
    assert np.array_equal(rounded.measures, expected.measures, equal_nan=True)
