"""The Temporal Attention Score, against exact inner products, and its aggregation over heads."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import FloatArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.temporal_attention_score import (
    HeadAggregation,
    aggregate_heads,
    compute_score_heads,
)
from tests.reference.rounding import compute_gamma, compute_score_bound
from tests.reference.strategies import AttentionInput, attention_inputs


@given(attention_inputs())
def test_head_scores_are_scaled_inner_products(case: AttentionInput) -> None:
    aligned = case.keys[:, :, 0]
    scores = compute_score_heads(case.query, aligned)
    rows, heads, head_dim = case.query.shape
    assert scores.shape == (rows, heads)
    assert scores.dtype == case.query.dtype
    group = heads // aligned.shape[1]
    bound = compute_score_bound(case.query, case.keys[:, :, :1])
    for row, head in np.ndindex(rows, heads):
        pairs = zip(case.query[row, head], aligned[row, head // group], strict=True)
        product = sum((Fraction(float(a)) * Fraction(float(b)) for a, b in pairs), Fraction())
        exact = float(product) / math.sqrt(head_dim)
        assert abs(float(scores[row, head]) - exact) <= 2 * bound  # float64 rounds `exact` as well


def test_queries_of_a_group_share_one_key_head() -> None:
    aligned = np.array([[[1.0, 0, 0, 0], [0, 1.0, 0, 0]]])  # key heads see axis 0 and axis 1
    query = np.array([[[2.0, 20, 0, 0], [4, 40, 0, 0], [6, 60, 0, 0], [8, 80, 0, 0]]])
    assert compute_score_heads(query, aligned).tolist() == [[1, 2, 30, 40]]


@given(attention_inputs())
def test_score_is_linear_in_the_query(case: AttentionInput) -> None:
    aligned = case.keys[:, :, -1]
    once = compute_score_heads(case.query, aligned)
    assert np.array_equal(compute_score_heads(4 * case.query, aligned), 4 * once)
    assert np.array_equal(compute_score_heads(-case.query, aligned), -once)


@given(st.integers(0, 2**16), st.integers(1, 6), st.integers(1, 40), st.booleans())
def test_aggregations_equal_the_naive_model(
    seed: int, rows: int, heads: int, is_single: bool
) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.float32 if is_single else np.float64
    scores: FloatArray = rng.standard_normal((rows, heads)).astype(dtype)
    weights = rng.uniform(0, 1, heads)
    mean = aggregate_heads(scores, HeadAggregation.MEAN)
    largest = aggregate_heads(scores, HeadAggregation.MAX)
    weighted = aggregate_heads(scores, weights)
    assert mean.dtype == largest.dtype == weighted.dtype == dtype
    gamma = compute_gamma(heads + 3, dtype)  # the weights are rounded to the dtype as well
    for row in range(rows):
        values = [float(score) for score in scores[row]]
        size = math.fsum(map(abs, values))
        assert abs(float(mean[row]) - math.fsum(values) / heads) <= gamma * size / heads
        assert float(largest[row]) == max(values)
        terms = [value * float(weight) for value, weight in zip(values, weights, strict=True)]
        error = abs(float(weighted[row]) - math.fsum(terms))
        assert error <= gamma * math.fsum(map(abs, terms))


@pytest.mark.parametrize("heads", [1, 2, 4, 8, 32])
def test_the_bits_of_a_row_do_not_depend_on_its_batch(heads: int) -> None:
    rng = np.random.default_rng(heads)
    for dtype in (np.float32, np.float64):
        scores: FloatArray = rng.standard_normal((7, heads)).astype(dtype)
        for aggregation in (HeadAggregation.MEAN, HeadAggregation.MAX, rng.standard_normal(heads)):
            alone = [aggregate_heads(scores[[row]], aggregation) for row in range(7)]
            assert np.array_equal(aggregate_heads(scores, aggregation), np.concatenate(alone))


@given(st.integers(0, 2**16), st.integers(1, 8))
def test_mean_lies_between_minimum_and_maximum(seed: int, heads: int) -> None:
    scores = np.random.default_rng(seed).integers(-64, 64, (3, heads)).astype(np.float64)
    mean = aggregate_heads(scores, HeadAggregation.MEAN)
    assert (scores.min(axis=-1) <= mean).all()
    assert (mean <= aggregate_heads(scores, HeadAggregation.MAX)).all()


def test_weights_of_one_head_pick_it() -> None:
    scores = np.arange(8.0).reshape(2, 4)
    assert aggregate_heads(scores, np.array([0, 0, 1.0, 0])).tolist() == [2, 6]


def test_leading_axes_are_kept() -> None:
    scores = np.arange(24.0).reshape(2, 3, 4)
    for aggregation in (*HeadAggregation, np.ones(4)):
        assert aggregate_heads(scores, aggregation).shape == (2, 3)


def test_refuses_weights_for_other_heads() -> None:
    message = r"^head weights = \(3,\): must be one weight for each of 4 heads$"
    with pytest.raises(ArgumentError, match=message):
        aggregate_heads(np.zeros((2, 4)), np.zeros(3))
