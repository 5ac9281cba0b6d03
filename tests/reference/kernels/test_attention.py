"""Compiled attention over a cache: within the bound of the spec, rows on their own, taps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastcar.reference.kernels.engine as engine_module
from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.attention import compute_attention
from fastcar.reference.config import ModelConfig
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.kernels.attention import BLOCK_KEYS
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kernels.exponential import SMALLEST
from fastcar.reference.kv_cache import CacheStorage, KVCache
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.strategies.models import HEADS
from tests.reference.rounding import compute_attention_bound, compute_score_bound

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

ENGINE = NumbaEngine()
CAPACITY = 3 * BLOCK_KEYS
NOTHING = {CacheStorage.EXACT: np.nan, CacheStorage.BFLOAT16: 0x7FC0, CacheStorage.INT8: -128}
"""What no cache keeps: NaN, its bits, an integer without a negative."""
sparsities = st.none() | st.builds(SparseAttention, st.integers(1, 90), st.integers(0, 5))


@dataclass(frozen=True)
class Case:
    """A filled cache of one layer and the queries of the newest token.

    Attributes:
        query: [B, H, d].
        cache: of one layer.
        sparse: sinks and window.
        sizes: heads, head width.
    """

    query: FloatArray
    cache: KVCache
    sparse: SparseAttention | None
    config: ModelConfig

    def attend(
        self, tap_entry: int | None = None, parallel: bool = False
    ) -> tuple[FloatArray, ...]:
        """Context, and tapped logits if there are any."""
        with pytest.MonkeyPatch.context() as patch:
            for limit in ("PARALLEL_BYTES", "PARALLEL_MULTIPLICATIONS"):
                patch.setattr(engine_module, limit, 0 if parallel else 1 << 62)
            context, tapped = ENGINE.attend(self.query, self.cache, 0, tap_entry, self.sparse)
        return (context,) if tapped is None else (context, tapped)

    def get_visible(self) -> BoolArray:
        """[B, S], entries that the newest token sees, by the definition of sinks and window."""
        entries, padding = np.arange(self.cache.num_entries), self.cache.padding_tokens[:, None]
        visible = entries >= padding
        if self.sparse is not None:
            in_window = entries >= self.cache.num_entries - self.sparse.window_tokens
            visible &= in_window | (entries < padding + self.sparse.sink_tokens)
        return visible

    def get_exact(self) -> tuple[FloatArray, FloatArray, int]:
        """Keys and values [B, H_kv, S, d] before any rounding, and roundings by their scales."""
        cache, used = self.cache, self.cache.num_entries
        if cache.storage is not CacheStorage.INT8:
            return cache.get_keys(0, 0, used), cache.get_values(0, 0, used), 0
        keys = cache.keys.astype(np.float64) * cache.key_scales[..., None]
        values = cache.values.astype(np.float64) * cache.value_scales[..., None]
        return keys[0, :, :, :used], values[0, :, :, :used], 1

    def take_rows(self, rows: list[int]) -> Case:
        """Some of the rows."""
        cache = KVCache(self.config, len(rows), CAPACITY, np.dtype(np.float32), self.cache.storage)
        for name in ("keys", "values", "key_scales", "value_scales"):
            getattr(cache, name)[:] = getattr(self.cache, name)[:, rows]
        cache.padding_tokens[:] = self.cache.padding_tokens[rows]
        cache.num_entries = self.cache.num_entries
        return replace(self, query=self.query[rows], cache=cache)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    heads, key_heads = HEADS[draw(st.sampled_from(sorted(HEADS)))]
    rows = draw(st.integers(1, 3))
    head_dim = draw(st.sampled_from([2, 6, 16, 34, 64, 80]))
    config = ModelConfig(11, 12, 20, 1, heads, key_heads, head_dim, 1e-5, 100.0, CAPACITY)
    cache = KVCache(
        config, rows, CAPACITY, np.dtype(np.float32), draw(st.sampled_from(CacheStorage))
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    shape = rows, CAPACITY, key_heads, head_dim
    cache.update(0, 0, *rng.standard_normal((2, *shape), np.float32))
    cache.num_entries = draw(st.integers(1, CAPACITY))
    cache.padding_tokens[:] = rng.integers(0, min(cache.num_entries, 5), rows)
    sharpness = draw(st.sampled_from([0.1, 1.0, 4.0]))
    query = (rng.standard_normal((rows, heads, head_dim)) * sharpness).astype(np.float32)
    return Case(query, cache, draw(sparsities), config)


@given(cases(), st.booleans())
def test_context_is_that_of_the_spec_within_the_bound(case: Case, parallel: bool) -> None:
    """Both are within the bound of exact; the kernel's exponential drops what is below e^-87."""
    (context,) = case.attend(parallel=parallel)
    used = case.cache.num_entries
    keys, values = case.cache.get_keys(0, 0, used), case.cache.get_values(0, 0, used)
    arrays = (case.query, keys, values, case.get_visible())
    expected, _ = compute_attention(*arrays)
    dropped = 2 * case.cache.num_entries * np.exp(SMALLEST) * np.abs(values).max()
    exact_keys, exact_values, roundings = case.get_exact()
    exact = case.query, exact_keys, exact_values, arrays[-1]
    bound = 2 * compute_attention_bound(*exact, roundings) + dropped
    assert np.abs(context - expected).max() <= bound
    spec, _ = NumpyEngine().attend(case.query, case.cache, 0, None, case.sparse, True)
    assert np.abs(context - spec).max() <= bound


@given(cases(), st.data())
def test_every_entry_in_view_can_be_tapped(case: Case, data: st.DataObject) -> None:
    first = int(case.cache.padding_tokens.max())
    tap = data.draw(st.integers(first, case.cache.num_entries - 1))
    expected = NumpyEngine().attend(case.query, case.cache, 0, tap, case.sparse)[1]
    context, *tapped = case.attend(tap)
    assert np.array_equal(context, case.attend()[0])
    assert len(tapped) == (expected is not None)
    if expected is not None:
        keys, _, roundings = case.get_exact()
        bound = 2 * compute_score_bound(case.query, keys, roundings)
        assert np.abs(tapped[0] - expected).max() <= bound


@given(cases())
def test_the_bits_of_a_row_do_not_depend_on_its_batch(case: Case) -> None:
    tap = case.cache.num_entries - 1
    whole = case.attend(tap)
    assert all(map(np.array_equal, whole, case.attend(tap, parallel=True)))
    for row in range(len(case.query)):
        alone = case.take_rows([row]).attend(tap)
        assert all(
            np.array_equal(one[[row]], other) for one, other in zip(whole, alone, strict=True)
        )


@given(cases())
def test_keys_and_values_out_of_view_are_not_read(case: Case) -> None:
    before = case.attend()
    hidden = np.ones((len(case.query), CAPACITY), bool)
    hidden[:, : case.cache.num_entries] = ~case.get_visible()
    cache, nothing = case.cache, NOTHING[case.cache.storage]
    for row, entries in enumerate(hidden):
        cache.keys[0, row, :, entries] = cache.values[0, row, :, entries] = nothing
        if cache.storage is CacheStorage.INT8:
            cache.key_scales[0, row, :, entries] = cache.value_scales[0, row, :, entries] = np.nan
    assert np.array_equal(before[0], case.attend()[0])
