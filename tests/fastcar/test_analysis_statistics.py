"""Paired comparisons, ranks and areas against definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.analysis.statistics import (
    Direction,
    compare,
    compute_auc,
    compute_rank_correlation,
    compute_ranks,
)

small_lists = st.lists(st.integers(0, 5), min_size=2, max_size=12)


@pytest.mark.parametrize(
    ("gaps", "verdict"),
    [
        ([-1.0, -1.1, -0.9, -1.0], Direction.LOWER),
        ([1.0, 1.1, 0.9, 1.0], Direction.HIGHER),
        ([1.0, -1.0, 0.5, -0.4], Direction.UNDECIDED),
        ([0.0, 0.0, 0.0, 0.0], Direction.UNDECIDED),
        ([5.0], Direction.UNDECIDED),
    ],
)
def test_verdict_follows_the_paired_difference(gaps: list[float], verdict: Direction) -> None:
    base = np.linspace(0, 100, len(gaps))  # clips differ far more than the two sides do
    assert compare(base + gaps, base).verdict is verdict


def test_verdict_turns_at_two_standard_errors() -> None:
    spread = np.array([-1.0, 1.0, -1.0, 1.0])
    error = compare(spread, np.zeros(4)).standard_error
    assert compare(spread + 2.01 * error, np.zeros(4)).verdict is Direction.HIGHER
    assert compare(spread + 1.99 * error, np.zeros(4)).verdict is Direction.UNDECIDED


@given(small_lists)
def test_ranks_by_definition(values: list[int]) -> None:
    array = np.array(values, float)
    expected = [(array < value).sum() + ((array == value).sum() - 1) / 2 for value in array]
    assert compute_ranks(array) == pytest.approx(expected)


@given(small_lists)
def test_auc_counts_pairs(values: list[int]) -> None:
    array = np.array(values, float)
    positive = np.arange(len(array)) % 2 == 0
    above = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high in array[positive]
        for low in array[~positive]
    ]
    assert compute_auc(array, positive) == pytest.approx(np.mean(above))


def test_auc_without_both_kinds_is_one_half() -> None:
    assert compute_auc(np.arange(3.0), np.ones(3, bool)) == 0.5


def test_rank_correlation_sees_order_only() -> None:
    values = np.array([1.0, 5.0, 2.0, 9.0])
    assert compute_rank_correlation(values, np.exp(values)) == 1
    assert compute_rank_correlation(values, -(values**3)) == -1
    assert compute_rank_correlation(values, np.ones(4)) == 0
