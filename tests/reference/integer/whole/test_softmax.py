"""The one-pass softmax against Python integers, its properties, and its widths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import Int64Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.units import MAX_SHIFT
from fastcar.reference.integer.whole.scores import MAX_LOGIT
from fastcar.reference.integer.whole.softmax import (
    GUARD_BITS,
    MAX_SOFTMAX_WEIGHT,
    MAX_VISIBLE_TOKENS,
    compute_softmax_words,
    compute_weights,
)
from tests.reference.integer.whole import naive

LANES = st.sampled_from([4, 8, 16])
near = st.integers(-2000, 2000)
logits = st.one_of(near, st.integers(-MAX_LOGIT, MAX_LOGIT), st.sampled_from([0, -256, 255, 256]))
rows = st.lists(st.tuples(logits, st.booleans()), min_size=1, max_size=40).filter(
    lambda pairs: any(seen for _, seen in pairs)
)


def split(pairs: list[tuple[int, bool]]) -> tuple[Int64Array, Any]:
    """Logits [1, n] and visibility [1, n]."""
    return np.array([[z for z, _ in pairs]]), np.array([[seen for _, seen in pairs]])


@given(rows, LANES)
def test_words_are_those_of_the_page(pairs: list[tuple[int, bool]], num_lanes: int) -> None:
    found = compute_softmax_words(*split(pairs), num_lanes)
    visible = {key: z for key, (z, seen) in enumerate(pairs) if seen}
    words, total = naive.softmax([visible], num_lanes)
    assert found.total.tolist() == [total]
    flat = found.weights.reshape(-1).tolist()
    assert found.weights.shape == (1, -(-len(pairs) // num_lanes), num_lanes)
    by_key = {key: p for word in words for key, p in zip(word.keys, word.weights, strict=True)}
    assert flat == [by_key.get(key, 0) for key in range(len(flat))]
    for word in words:
        assert found.exponents[0, word.keys[0] // num_lanes] == word.exponent


@given(rows, LANES)
def test_maximum_never_falls_and_sum_stays_in_its_range(
    pairs: list[tuple[int, bool]], num_lanes: int
) -> None:
    found = compute_softmax_words(*split(pairs), num_lanes)
    assert (np.diff(found.exponents) >= 0).all()
    assert found.exponents[0, -1] == max(z for z, seen in pairs if seen) // 256 + 1
    assert 1 << 26 <= found.total[0] < 1 << 40
    assert 0 <= found.weights.min() <= found.weights.max() <= MAX_SOFTMAX_WEIGHT


@given(rows, rows, LANES)
def test_rows_do_not_influence_each_other(
    one: list[tuple[int, bool]], two: list[tuple[int, bool]], num_lanes: int
) -> None:
    size = max(len(one), len(two))
    padded = [pairs + [(0, False)] * (size - len(pairs)) for pairs in (one, two)]
    both = [np.concatenate(parts) for parts in zip(*map(split, padded), strict=True)]
    together = compute_softmax_words(both[0], both[1], num_lanes)
    for index, pairs in enumerate((one, two)):
        alone = compute_softmax_words(*split(pairs), num_lanes)
        num_words = alone.weights.shape[1]
        assert together.total[index] == alone.total[0]
        assert np.array_equal(together.weights[index, :num_words], alone.weights[0])


@given(rows, LANES, st.integers(-4000, 4000))
def test_whole_octaves_added_to_all_logits_change_no_weight(
    pairs: list[tuple[int, bool]], num_lanes: int, octaves: int
) -> None:
    z, visible = split(pairs)
    one = compute_softmax_words(z, visible, num_lanes)
    two = compute_softmax_words(z + 256 * octaves, visible, num_lanes)
    assert np.array_equal(one.weights, two.weights)
    assert np.array_equal(one.total, two.total)


def test_every_weight_is_within_its_bound() -> None:
    differences = np.arange(1, 19 * 256 + 1)
    weights = compute_weights(-differences, np.array(0))
    exact = np.array([2.0**16 * 2.0 ** (-step / 256) for step in differences.tolist()])
    assert np.abs(weights - exact).max() <= 0.75
    assert weights.tolist() == sorted(weights.tolist(), reverse=True)
    assert (weights[17 * 256 :] == 0).all()
    assert weights[17 * 256 - 1] == 1


def test_difference_saturates_and_no_logit_does() -> None:
    z = np.array([[MAX_LOGIT, MAX_LOGIT - 1, -MAX_LOGIT, MAX_LOGIT - 18 * 256]])
    words = compute_softmax_words(z, np.ones((1, 4), bool), 4)
    assert words.weights[0, 0].tolist() == [65359, 65182, 0, 0]


@pytest.mark.parametrize("pattern", ["equal", "huge", "alternating", "rising", "falling"])
def test_edge_logits(pattern: str) -> None:
    steps = np.arange(37)
    z = {
        "equal": steps * 0 - 5,
        "huge": steps * 0 + MAX_LOGIT,
        "alternating": np.where(steps % 2, MAX_LOGIT, -MAX_LOGIT),
        "rising": steps * 100 - 1000,
        "falling": 1000 - steps * 100,
    }[pattern]
    found = compute_softmax_words(z[None], np.ones((1, 37), bool), 4)
    assert found.total[0] == naive.softmax([dict(enumerate(z.tolist()))], 4)[1]
    exact = sum(2.0 ** (float(one - z.max()) / 256) for one in z.tolist())
    scale = 2.0 ** (int(found.exponents[0, -1]) - z.max() / 256)
    assert math.isclose(found.total[0] / 2.0**27 * scale, exact, rel_tol=2e-3)


def test_most_visible_tokens_fit_and_one_more_is_refused() -> None:
    z = np.full((1, MAX_VISIBLE_TOKENS), -1)  # every weight is the largest
    words = compute_softmax_words(z, np.ones_like(z, bool), 16)
    assert words.total[0] == MAX_VISIBLE_TOKENS * MAX_SOFTMAX_WEIGHT << GUARD_BITS
    assert words.total[0] < 1 << 40
    assert 127 * words.total[0] < 1 << 47
    assert int(words.total[0]).bit_length() + 7 <= MAX_SHIFT
    more = np.full((1, MAX_VISIBLE_TOKENS + 1), -1)
    limit = r"^visible tokens = 8193: must be from 1 to 8192 with attention on integers$"
    with pytest.raises(ArgumentError, match=limit):
        compute_softmax_words(more, np.ones_like(more, bool), 16)
    hidden = np.arange(MAX_VISIBLE_TOKENS + 1)[None] > 0
    assert compute_softmax_words(more, hidden, 16).total == words.total
    with pytest.raises(ArgumentError, match=r"^visible tokens = 0: "):
        compute_softmax_words(z, np.zeros_like(z, bool), 16)
    with pytest.raises(ArgumentError, match=r"^visible tokens = 0: "):
        compute_softmax_words(z[:, :4].repeat(2, 0), np.array([[True] * 4, [False] * 4]), 4)
