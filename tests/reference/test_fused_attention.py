"""Attention by online softmax equals the plain one, whatever the blocks."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.attention import compute_attention
from fastcar.reference.fused_attention import BLOCK_KEYS, compute_fused_attention
from tests.reference.rounding import compute_attention_bound, compute_score_bound
from tests.reference.strategies import AttentionInput, attention_inputs

block_sizes = st.integers(1, 25)


@given(attention_inputs(), block_sizes)
def test_equals_plain_attention(case: AttentionInput, block_keys: int) -> None:
    arrays = (case.query, case.keys, case.values, case.visible)
    plain, _ = compute_attention(*arrays)
    fused, nothing = compute_fused_attention(*arrays, block_keys=block_keys)
    assert nothing is None
    assert fused.dtype == plain.dtype
    assert np.abs(fused - plain).max() <= 2 * compute_attention_bound(*arrays)


@given(attention_inputs(), block_sizes)
def test_every_key_can_be_tapped(case: AttentionInput, block_keys: int) -> None:
    arrays = (case.query, case.keys, case.values, case.visible)
    bound = 2 * compute_score_bound(case.query, case.keys)
    untapped, _ = compute_fused_attention(*arrays, block_keys=block_keys)
    for tap in range(case.keys.shape[2]):
        _, expected = compute_attention(*arrays, tap)
        context, tapped = compute_fused_attention(*arrays, tap, block_keys)
        assert expected is not None
        assert tapped is not None
        assert np.abs(tapped - expected).max() <= bound
        assert np.array_equal(context, untapped)


@given(attention_inputs(), block_sizes)
def test_the_bits_of_a_row_do_not_depend_on_its_batch(
    case: AttentionInput, block_keys: int
) -> None:
    arrays = (case.query, case.keys, case.values, case.visible)
    context, _ = compute_fused_attention(*arrays, block_keys=block_keys)
    for row in range(len(case.query)):
        one = case.get_row(row)
        alone, _ = compute_fused_attention(
            one.query, one.keys, one.values, one.visible, block_keys=block_keys
        )
        assert np.array_equal(context[[row]], alone)


@given(attention_inputs(), block_sizes)
def test_masked_keys_and_values_are_not_read(case: AttentionInput, block_keys: int) -> None:
    poison = np.where(case.visible[:, None, :, None], 0, 1e6).astype(case.query.dtype)
    plain, _ = compute_fused_attention(
        case.query, case.keys, case.values, case.visible, None, block_keys
    )
    poisoned, _ = compute_fused_attention(
        case.query, case.keys + poison, case.values + poison, case.visible, None, block_keys
    )
    assert np.array_equal(plain, poisoned)


def test_a_row_that_sees_nothing_gives_zero() -> None:
    ones = np.ones((1, 1, 3, 4))
    unseen = np.zeros((1, 3), bool)
    context, _ = compute_fused_attention(np.ones((1, 2, 4)), ones, ones, unseen, None, 2)
    assert not context.any()


@pytest.mark.parametrize("rising", [True, False])
def test_a_later_larger_logit_rescales_what_was_summed(rising: bool) -> None:
    keys = np.arange(6.0)[None, None, :, None].repeat(2, axis=-1) * 3
    keys = keys if rising else keys[:, :, ::-1]
    values = np.arange(12.0).reshape(1, 1, 6, 2)
    plain, _ = compute_attention(np.ones((1, 1, 2)), keys, values)
    fused, _ = compute_fused_attention(np.ones((1, 1, 2)), keys, values, block_keys=1)
    assert np.allclose(fused, plain, rtol=1e-14, atol=0)


def test_memory_does_not_grow_with_the_keys_beyond_a_block() -> None:
    rng = np.random.default_rng(0)
    query = rng.standard_normal((1, 8, 4))
    peaks = []
    for blocks in (4, 64):
        keys = rng.standard_normal((1, 8, blocks * BLOCK_KEYS, 4))
        tracemalloc.start()
        compute_fused_attention(query, keys, keys)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The logits of 64 blocks take 8 heads x 4096 keys x 8 bytes; a block takes a 64th of it.
    assert peaks[1] < 2 * peaks[0]
    assert peaks[1] < 8 * 64 * BLOCK_KEYS * 8 / 4
