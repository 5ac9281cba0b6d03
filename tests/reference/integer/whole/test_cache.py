"""Keys and values stand at the positions of their rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.integer.whole.cache import (
    IntegerCache,
    make_visibility,
    make_visible_runs,
)
from fastcar.reference.sparse_attention import SparseAttention, make_prompt_visibility
from fastcar.strategies import make_config


def test_tokens_are_found_at_the_positions_of_their_rows() -> None:
    config = make_config()
    cache = IntegerCache(config, rows=3, capacity_tokens=5)
    assert cache.keys.shape == (2, 3, config.num_key_value_heads, 5, config.head_dim)
    rng = np.random.default_rng(0)
    shape = 2, config.num_key_value_heads, config.head_dim
    keys, values = rng.integers(-127, 128, (2, *shape)).astype(np.int8)
    cache.store(1, np.array([0, 2]), np.array([4, 1]), keys, values)
    found = cache.get_keys(1, np.array([2, 0]), 5)
    assert np.array_equal(found[0, :, 1], keys[1])
    assert np.array_equal(found[1, :, 4], keys[0])
    assert np.array_equal(cache.get_values(1, np.array([2]), 2)[0, :, 1], values[1])
    assert not cache.keys[0].any()
    assert np.count_nonzero(cache.values.any(axis=(2, 4))) == 2


@pytest.mark.parametrize("sparse", [None, SparseAttention(1, 0), SparseAttention(3, 2)])
def test_visible_keys_are_those_of_the_float_prompt(sparse: SparseAttention | None) -> None:
    expected = make_prompt_visibility(np.ones((1, 9), bool), sparse)[0]
    assert np.array_equal(make_visibility(np.arange(9), sparse), expected)


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=3),
    st.one_of(st.none(), st.builds(SparseAttention, st.integers(1, 20), st.integers(0, 9))),
    st.sampled_from([4, 8, 16]),
)
def test_words_hold_the_visible_keys_run_by_run(
    positions: list[int], sparse: SparseAttention | None, num_lanes: int
) -> None:
    runs = make_visible_runs(np.array(positions), sparse, num_lanes)
    visible = make_visibility(np.array(positions), sparse)
    for row in range(len(positions)):
        seen = np.flatnonzero(visible[row]).tolist()
        places = np.flatnonzero(runs.visible[row])
        assert runs.keys[places].tolist() == seen
        assert (places % num_lanes == runs.keys[places] % num_lanes).all()
        joined = [one // num_lanes == two // num_lanes for one, two in pairwise(places)]
        assert joined == [
            two == one + 1 and one // num_lanes == two // num_lanes for one, two in pairwise(seen)
        ]
