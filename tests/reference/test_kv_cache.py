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


@given(st.integers(0, 2**16), st.sampled_from([-44, -38, 0, 37]))
def test_an_int8_cache_gives_back_integers_times_the_scale_of_their_vector(
    seed: int, exponent: int
) -> None:
    """No number is off by more than half a scale, which is a 127th of the largest."""
    cache = KVCache(CONFIG, 2, 8, DTYPE, CacheStorage.INT8)
    shape = 2, 3, CONFIG.num_key_value_heads, CONFIG.head_dim
    rng = np.random.default_rng(seed)
    keys, values = (rng.uniform(-9, 9, (2, *shape)) * 10.0**exponent).astype(DTYPE)
    keys[0, 1] = 0
    cache.update(1, 4, keys, values)
    for read, stored, scales, given_ in (
        (cache.get_keys, cache.keys, cache.key_scales, keys),
        (cache.get_values, cache.values, cache.value_scales, values),
    ):
        integers = stored[1, :, :, 4:7].swapaxes(1, 2).astype(np.float64)
        scale = scales[1, :, :, 4:7].swapaxes(1, 2)[..., None]
        peaks = np.abs(given_).max(axis=-1, keepdims=True)
        smallest = np.finfo(DTYPE).tiny
        assert np.array_equal(scale, np.maximum(peaks / DTYPE.type(127), smallest))
        assert np.abs(integers).max() <= 127
        error = np.abs(integers * scale - given_)
        assert (error <= scale * (0.5 + 127 * 2.0**-24)).all()
        assert np.array_equal(read(1, 4, 7).swapaxes(1, 2), (integers * scale).astype(DTYPE))
        assert not read(0, 0, 8).any()


def test_an_int8_cache_is_a_quarter_of_float32_and_a_scale_for_each_vector() -> None:
    exact, cache = (KVCache(CONFIG, 2, 8, DTYPE, CacheStorage(name)) for name in ("exact", "int8"))
    assert cache.keys.nbytes == cache.values.nbytes == exact.keys.nbytes // 4
    assert cache.key_scales.shape == cache.value_scales.shape == cache.keys.shape[:-1]
    assert cache.key_scales.dtype == cache.value_scales.dtype == DTYPE
    assert exact.key_scales.nbytes == exact.value_scales.nbytes == 0


@pytest.mark.parametrize("storage", [CacheStorage.BFLOAT16, CacheStorage.INT8])
def test_a_rounded_cache_takes_float32_only(storage: CacheStorage) -> None:
    text = f"kv_cache = '{storage.value}': must be exact with float64"
    with pytest.raises(ArgumentError, match=text):
        KVCache(CONFIG, 2, 8, np.dtype(np.float64), storage)


LARGEST = np.finfo(np.float32).max


@pytest.mark.parametrize(
    ("storage", "number"),
    [
        (CacheStorage.BFLOAT16, 3.4e38),
        (CacheStorage.INT8, -LARGEST),
        (CacheStorage.INT8, np.inf),
        (CacheStorage.INT8, np.nan),
    ],
)
def test_what_a_storage_cannot_hold_is_refused_by_name(
    storage: CacheStorage, number: float
) -> None:
    cache = KVCache(CONFIG, 1, 8, DTYPE, storage)
    token = np.ones((1, 1, CONFIG.num_key_value_heads, CONFIG.head_dim), DTYPE)
    wrong = token.copy()
    wrong[0, 0, 1, 2] = number
    with pytest.raises(ArgumentError, match=f"^key or value = .* finite as {storage.value}"):
        cache.update(0, 0, token, wrong)


def test_the_number_below_the_largest_is_read_as_finite_from_int8() -> None:
    cache = KVCache(CONFIG, 1, 8, DTYPE, CacheStorage.INT8)
    shape = 1, 1, CONFIG.num_key_value_heads, CONFIG.head_dim
    token = np.full(shape, np.nextafter(LARGEST, DTYPE.type(0)))
    cache.update(0, 0, token, token)
    assert np.isfinite(cache.get_values(0, 0, 1)).all()


def round_to_bfloat16_numbers(numbers: FloatArray) -> FloatArray:
    """What a cache of bfloat16 keeps."""
    return widen_bits(round_bits(numbers))


def round_to_int8_numbers(numbers: FloatArray) -> FloatArray:
    """What a cache of int8 keeps of vectors [..., d], by its definition (D-50)."""
    peaks = np.abs(numbers).max(axis=-1, keepdims=True)
    scales = np.maximum(peaks / np.float32(127), np.finfo(np.float32).tiny)
    rounded: FloatArray = np.rint(numbers / scales) * scales
    return rounded


ROUND = {
    CacheStorage.BFLOAT16: round_to_bfloat16_numbers,
    CacheStorage.INT8: round_to_int8_numbers,
}


@examples(30)
@given(runs(dtypes=(np.float32,)), gate_specs, attention_options, st.sampled_from(list(ROUND)))
def test_decoding_with_a_rounded_cache_is_decoding_with_rounded_keys_and_values(
    run: Run, spec: GateSpec, options: dict[str, Any], storage: CacheStorage
) -> None:
    """Prompt, attention and score all read what was rounded; nothing else changes (D-32, D-50)."""
    layers = run.config.num_hidden_layers
    rounded = decode(run, spec.make(layers), cache_storage=storage, **options)
    update = KVCache.update
    kept: list[FloatArray] = []

    def update_rounded(
        cache: KVCache, layer: int, start: int, keys: FloatArray, values: FloatArray
    ) -> None:
        kept[:] = ROUND[storage](keys), ROUND[storage](values)
        update(cache, layer, start, *kept)

    def attend_rounded(
        query: FloatArray, keys: FloatArray, values: FloatArray, visible: BoolArray
    ) -> FloatArray:
        """The prompt's attention to what was kept last, whatever it takes for keys and values."""
        keys, values = (np.ascontiguousarray(part.swapaxes(1, 2)) for part in kept)
        return compute_prompt_attention(query, keys, values, visible)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KVCache, "update", update_rounded)
        patch.setattr(decoder, "compute_prompt_attention", attend_rounded)
        expected = decode(run, spec.make(layers), **options)
    assert np.array_equal(rounded.prefill_logits, expected.prefill_logits)
    assert np.array_equal(rounded.logits, expected.logits)
    assert np.array_equal(rounded.replayed, expected.replayed)
    assert np.array_equal(rounded.measures, expected.measures, equal_nan=True)
