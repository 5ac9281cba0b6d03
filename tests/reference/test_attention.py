"""Plain attention, against loops over math.exp and by its contract."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.attention import compute_attention, compute_prompt_attention, compute_softmax
from fastcar.reference.temporal_attention_score import compute_score_heads
from tests.reference.rounding import (
    EXP_ROUNDINGS,
    compute_attention_bound,
    compute_gamma,
    compute_score_bound,
)
from tests.reference.strategies import AttentionInput, attention_inputs

DTYPES = st.sampled_from([np.float32, np.float64])


def compute_naive_attention(
    query: FloatArray, keys: FloatArray, values: FloatArray, visible: BoolArray
) -> FloatArray:
    """Loops over rows and heads in float64; a query that sees no key gives zero."""
    rows, heads, head_dim = query.shape
    group = heads // keys.shape[1]
    context = np.zeros(query.shape)
    for row, head in np.ndindex(rows, heads):
        seen = np.flatnonzero(visible[row])
        if not len(seen):
            continue
        own = [float(entry) for entry in query[row, head]]
        logits = [
            math.fsum(a * float(b) for a, b in zip(own, keys[row, head // group, s], strict=True))
            / math.sqrt(head_dim)
            for s in seen
        ]
        weights = [math.exp(logit - max(logits)) for logit in logits]
        for axis in range(head_dim):
            column = values[row, head // group, seen, axis]
            products = (w * float(v) for w, v in zip(weights, column, strict=True))
            context[row, head, axis] = math.fsum(products) / math.fsum(weights)
    return context


@given(attention_inputs())
def test_equals_the_naive_model(case: AttentionInput) -> None:
    context, _ = compute_attention(case.query, case.keys, case.values, case.visible)
    assert context.dtype == case.query.dtype
    assert context.shape == case.query.shape
    expected = compute_naive_attention(case.query, case.keys, case.values, case.visible)
    bound = compute_attention_bound(case.query, case.keys, case.values, case.visible)
    assert np.abs(context - expected).max() <= 2 * bound  # the model rounds as well


@given(attention_inputs())
def test_context_lies_between_the_visible_values(case: AttentionInput) -> None:
    context, _ = compute_attention(case.query, case.keys, case.values, case.visible)
    group = case.query.shape[1] // case.keys.shape[1]
    seen = case.visible[:, None, :, None]
    low = np.where(seen, case.values, np.inf).min(axis=2).repeat(group, axis=1)
    high = np.where(seen, case.values, -np.inf).max(axis=2).repeat(group, axis=1)
    slack = compute_gamma(2 * case.keys.shape[2] + 4, case.query.dtype) * np.abs(case.values).max()
    assert (low - slack <= context).all()
    assert (context <= high + slack).all()


@given(attention_inputs())
def test_masked_keys_and_values_are_not_read(case: AttentionInput) -> None:
    poison = np.where(case.visible[:, None, :, None], 0, 1e6).astype(case.query.dtype)
    plain, _ = compute_attention(case.query, case.keys, case.values, case.visible)
    poisoned, _ = compute_attention(
        case.query, case.keys + poison, case.values + poison, case.visible
    )
    assert np.array_equal(plain, poisoned)


@given(attention_inputs())
def test_no_mask_is_the_mask_of_all(case: AttentionInput) -> None:
    everything = np.ones_like(case.visible)
    masked, _ = compute_attention(case.query, case.keys, case.values, everything)
    plain, _ = compute_attention(case.query, case.keys, case.values)
    assert np.array_equal(masked, plain)


@given(attention_inputs())
def test_tap_is_the_score_of_that_key(case: AttentionInput) -> None:
    tap = case.keys.shape[2] // 2
    _, tapped = compute_attention(case.query, case.keys, case.values, case.visible, tap)
    score = compute_score_heads(case.query, case.keys[:, :, tap])
    assert tapped is not None
    assert tapped.shape == case.query.shape[:2]
    assert np.abs(tapped - score).max() <= 2 * compute_score_bound(case.query, case.keys)


@given(attention_inputs())
def test_tapping_changes_no_bit_of_the_context(case: AttentionInput) -> None:
    plain, nothing = compute_attention(case.query, case.keys, case.values, case.visible)
    tapped, _ = compute_attention(case.query, case.keys, case.values, case.visible, 0)
    assert nothing is None
    assert np.array_equal(plain, tapped)


@given(attention_inputs())
def test_the_bits_of_a_row_do_not_depend_on_its_batch(case: AttentionInput) -> None:
    context, tapped = compute_attention(case.query, case.keys, case.values, case.visible, 0)
    for row in range(len(case.query)):
        one = case.get_row(row)
        alone, alone_tapped = compute_attention(one.query, one.keys, one.values, one.visible, 0)
        assert np.array_equal(context[[row]], alone)
        assert tapped is not None
        assert alone_tapped is not None
        assert np.array_equal(tapped[[row]], alone_tapped)


@given(attention_inputs())
def test_prompt_attention_is_the_attention_of_each_token(case: AttentionInput) -> None:
    rows, _, length, head_dim = case.keys.shape
    heads = case.query.shape[1]
    rng = np.random.default_rng(1)
    query = rng.standard_normal((rows, length, heads, head_dim)).astype(case.query.dtype)
    visible = np.tril(np.ones((length, length), bool)) & case.visible[:, None, :]
    context = compute_prompt_attention(query, case.keys, case.values, visible)
    assert context.shape == query.shape
    for token in range(length):
        seen = visible[:, token]
        expected = compute_naive_attention(query[:, token], case.keys, case.values, seen)
        bound = compute_attention_bound(query[:, token], case.keys, case.values, None)
        assert np.abs(context[:, token] - expected).max() <= 2 * bound
        assert not context[:, token][~seen.any(axis=-1)].any()


@given(st.integers(0, 2**16), st.integers(1, 20), DTYPES)
def test_softmax_equals_the_naive_model(
    seed: int, length: int, dtype: type[np.floating[Any]]
) -> None:
    logits = (np.random.default_rng(seed).standard_normal(length) * 5).astype(dtype)
    shares = compute_softmax(logits, axis=0)
    weights = [math.exp(float(logit) - float(logits.max())) for logit in logits]
    expected = np.array(weights) / math.fsum(weights)
    # The subtraction's rounding is an absolute error of the exponent, at most u |z - max z|.
    depth = float(logits.max() - logits.min())
    roundings = length + 2 * EXP_ROUNDINGS + 4 + 2 * math.ceil(depth)
    assert (np.abs(shares - expected) <= 2 * compute_gamma(roundings, dtype) * expected).all()


@given(st.integers(0, 2**16), st.integers(1, 20), st.sampled_from([0, 1, -1, 1024, -4096]))
def test_softmax_ignores_a_common_shift(seed: int, length: int, shift: int) -> None:
    logits = np.random.default_rng(seed).integers(-50, 50, length).astype(np.float64)
    assert np.array_equal(compute_softmax(logits + shift, 0), compute_softmax(logits, 0))


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_softmax_of_huge_logits_is_finite(size: float) -> None:
    shares = compute_softmax(np.array([size, -size, 0.0]), axis=0)
    assert shares.tolist() == [1, 0, 0]


def test_softmax_along_each_axis_sums_to_one() -> None:
    logits = np.arange(24.0).reshape(2, 3, 4)
    for axis in range(3):
        assert np.allclose(compute_softmax(logits, axis).sum(axis=axis), 1, rtol=1e-15)
