"""Attention of one layer against Python integers, for any constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.whole.attention import AttentionScales, IntegerAttention
from fastcar.reference.integer.whole.cache import (
    VisibleRuns,
    make_visibility,
    make_visible_runs,
)
from fastcar.reference.sparse_attention import SparseAttention
from tests.examples import examples
from tests.reference.integer.runs import make_matrix
from tests.reference.integer.whole import naive


def make_attention(
    seed: int, key_heads: int, group: int, pairs: int, factor: tuple[int, int] = (50000, 24)
) -> IntegerAttention:
    """A layer of random constants and width 10."""
    rng, heads, size = np.random.default_rng(seed), key_heads * group, 2 * pairs
    return IntegerAttention(
        gains=rng.integers(-32767, 32768, 10).astype(np.int16),
        epsilon=5,
        q_proj=make_matrix(rng, heads * size, 10),
        k_proj=make_matrix(rng, key_heads * size, 10),
        v_proj=make_matrix(rng, key_heads * size, 10),
        o_proj=make_matrix(rng, 10, heads * size),
        logit_multiplier=factor[0],
        logit_shift=factor[1],
        scales=AttentionScales(
            np.ones((heads, pairs)), np.ones((key_heads, pairs)), np.ones(key_heads), 1.0
        ),
    )


@given(
    st.integers(0, 2**16),
    st.integers(1, 2),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 37),
    st.one_of(st.none(), st.builds(SparseAttention, st.integers(1, 20), st.integers(0, 6))),
    st.sampled_from([4, 8, 16]),
    st.integers(18, 34),
)
@examples(20)
def test_context_is_that_of_the_page(
    seed: int,
    key_heads: int,
    group: int,
    pairs: int,
    num_keys: int,
    sparse: SparseAttention | None,
    num_lanes: int,
    shift: int,
) -> None:
    layer = make_attention(seed, key_heads, group, pairs, (40000, shift))
    rng, size = np.random.default_rng(seed + 1), 2 * pairs
    query = rng.integers(-32767, 32768, (2, key_heads * group, size)).astype(np.int16)
    keys, values = rng.integers(-127, 128, (2, 2, key_heads, num_keys, size)).astype(np.int8)
    positions = np.array([num_keys - 1, rng.integers(0, num_keys)])
    visible = make_visibility(positions, sparse)
    runs = make_visible_runs(positions, sparse, num_lanes)
    context, accumulators = layer.attend(query, keys, values, runs, num_lanes)
    assert accumulators.shape == (2, key_heads * group, num_keys)
    for row, head in np.ndindex(2, key_heads * group):
        expected = naive.attend(
            query[row, head].tolist(),
            keys[row, head // group].tolist(),
            values[row, head // group].tolist(),
            visible[row].tolist(),
            (40000, shift),
            num_lanes,
        )
        assert context[row, head].tolist() == expected


def test_keys_that_are_not_visible_change_nothing() -> None:
    layer = make_attention(1, 2, 2, 2)
    rng = np.random.default_rng(2)
    query = rng.integers(-32767, 32768, (1, 4, 4)).astype(np.int16)
    keys, values = rng.integers(-127, 128, (2, 1, 2, 21, 4)).astype(np.int8)
    sparse, positions = SparseAttention(5, 2), np.array([20])
    visible = make_visibility(positions, sparse)
    runs = make_visible_runs(positions, sparse, 4)
    context, _ = layer.attend(query, keys, values, runs, 4)
    keys[0, :, ~visible[0]], values[0, :, ~visible[0]] = 127, -127
    assert np.array_equal(layer.attend(query, keys, values, runs, 4)[0], context)
    keys[0, :, visible[0]] //= 2
    assert not np.array_equal(layer.attend(query, keys, values, runs, 4)[0], context)


def test_block_of_sinks_and_window_is_two_words() -> None:
    """A sink far below the window keeps the bits of its weight: its word has its own maximum."""
    layer = make_attention(3, 1, 1, 2, (1, 1))
    query = np.array([[[32, 0, 0, 0]]], np.int16)
    positions, visible = np.array([3]), [True, False, False, True]
    runs = make_visible_runs(positions, SparseAttention(1, 1), 4)
    one_run = VisibleRuns(np.arange(4), np.array([visible]))
    differs = 0
    for level in range(-127, 0):
        keys, values = np.zeros((2, 1, 1, 4, 4), np.int8)
        keys[0, 0, [0, 3], 0] = level, 127
        values[0, 0, 0] = 127
        found, _ = layer.attend(query, keys, values, runs, 4)
        plain = keys[0, 0].tolist(), values[0, 0].tolist()
        assert found[0, 0].tolist() == naive.attend(
            query[0, 0].tolist(), *plain, visible, (1, 1), 4
        )
        differs += not np.array_equal(found, layer.attend(query, keys, values, one_run, 4)[0])
    assert differs > 10


def test_constants_that_do_not_fit_are_refused() -> None:
    layer = make_attention(1, 2, 2, 2)
    with pytest.raises(ArgumentError, match=r"^k_proj = \(16, 10\): must be of shape \(8, 10\)$"):
        replace(layer, k_proj=layer.q_proj)
    with pytest.raises(ArgumentError, match=r"^largest of logits = \d+: must be at most 32768 "):
        replace(layer, logit_shift=10)
    with pytest.raises(ArgumentError, match=r"^scale of key = 0.0: must be finite and above 0$"):
        replace(layer.scales, key=np.zeros((2, 2)))
    with pytest.raises(ArgumentError, match=r"^scale of product = inf: "):
        replace(layer.scales, product=float("inf"))
    with pytest.raises(ArgumentError, match=r"^epsilon = 0: "):
        replace(layer, epsilon=0)
