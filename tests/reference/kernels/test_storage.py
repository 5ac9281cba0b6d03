"""Compiled writing of keys and values equals the cache's own, bit for bit."""

from __future__ import annotations

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
    assert np.array_equal(caches[0].keys, caches[1].keys)
    assert np.array_equal(caches[0].values, caches[1].values)
    assert caches[1].keys[1].any()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "number", [np.nan, np.inf, -3.4e38, np.uint32(0x7FFFFFFF).view(np.float32)]
)
def test_what_does_not_fit_is_refused(which: int, number: float) -> None:
    cache = make_cache(CacheStorage.BFLOAT16, 2)
    heads, _, head_dim = cache.keys.shape[2:]
    given = np.ones((2, 2, 1, heads, head_dim), np.float32)
    given[which, 1, 0, -1, -1] = number
    with pytest.raises(ArgumentError, match=r"^key or value = .*: must be finite as bfloat16$"):
        NumbaEngine().store(cache, 0, 0, *given)
