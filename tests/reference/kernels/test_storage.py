"""Compiled writing of keys and values equals the cache's own, bit for bit."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kv_cache import CacheStorage, KVCache
from fastcar.strategies import make_run
from tests.reference.kernels.matrices import draw_rows

CAPACITY = 6


def make_cache(storage: CacheStorage, rows: int) -> KVCache:
    return KVCache(make_run(0).config, rows, CAPACITY, np.dtype(np.float32), storage)


@given(
    st.integers(0, 2**16),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 3),
    st.sampled_from(CacheStorage),
)
def test_every_bit_is_that_of_the_spec(
    seed: int, rows: int, tokens: int, start: int, storage: CacheStorage
) -> None:
    rng = np.random.default_rng(seed)
    caches = [make_cache(storage, rows) for _ in range(2)]
    heads, _, head_dim = caches[0].keys.shape[2:]
    given = [draw_rows(rng, rows * tokens, heads * head_dim) for _ in range(2)]
    ties = rng.random(given[0].shape) < 0.3
    given[0].view(np.uint32)[ties] &= 0xFFFF8000
    given[0].view(np.uint32)[ties] |= 0x8000
    keys, values = (one.reshape(rows, tokens, heads, head_dim) for one in given)
    engines: list[Engine] = [NumpyEngine(), NumbaEngine()]
    for engine, cache in zip(engines, caches, strict=True):
        engine.store(cache, 1, start, keys, values)
    for name in ("keys", "values", "key_scales", "value_scales"):
        assert np.array_equal(*(getattr(cache, name) for cache in caches))
    assert caches[1].keys[1].any()


def test_integers_are_rounded_to_nearest_with_ties_to_even() -> None:
    cache = make_cache(CacheStorage.INT8, 1)
    heads, _, head_dim = cache.keys.shape[2:]
    keys = np.zeros((1, 1, heads, head_dim), np.float32)
    keys[..., :4] = 254, 1, 3, -5  # halves of the scale, which is 2
    values = -np.full_like(keys, np.finfo(np.float32).smallest_subnormal)
    NumbaEngine().store(cache, 0, 2, keys, values)
    assert cache.keys[0, 0, :, 2, :4].tolist() == [[127, 0, 2, -2]] * heads
    assert (cache.key_scales[0, 0, :, 2] == 2).all()
    assert not cache.values.any()
    assert (cache.value_scales[0, 0, :, 2] == np.finfo(np.float32).tiny).all()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("storage", "number"),
    [
        *product(
            (CacheStorage.BFLOAT16, CacheStorage.INT8),
            (np.nan, np.inf, np.uint32(0x7FFFFFFF).view(np.float32)),
        ),
        (CacheStorage.BFLOAT16, -3.4e38),
        (CacheStorage.INT8, -np.finfo(np.float32).max),
    ],
)
def test_what_does_not_fit_is_refused(storage: CacheStorage, number: float, which: int) -> None:
    cache = make_cache(storage, 2)
    heads, _, head_dim = cache.keys.shape[2:]
    given = np.ones((2, 2, 1, heads, head_dim), np.float32)
    given[which, 1, 0, -1, -1] = number
    text = f"^key or value = .*: must be finite as {storage.value}"
    with pytest.raises(ArgumentError, match=text):
        NumbaEngine().store(cache, 0, 0, *given)
