"""P-22: shares of the integer softmax, attacked, certified; logits that saturate lose the order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.counterexamples.integer_softmax import get_counterexamples, saturate_logits
from fastcar.proofs.integer_softmax import (
    STATEMENT,
    LogitRow,
    bound,
    bound_by_number,
    compute_distance,
    compute_shares,
    draw,
)
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.integer.whole.softmax import MAX_VISIBLE_TOKENS
from tests.examples import examples
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search

rows = st.integers(0, 2**32 - 1).map(lambda seed: draw(np.random.default_rng(seed)))


def make_row(logits: list[int], num_lanes: int = 4) -> LogitRow:
    """All keys visible."""
    return LogitRow(np.array(logits, np.float64), np.ones(len(logits), bool), num_lanes)


@attack_settings()
@given(rows)
def test_no_attack_violates_the_claim(row: LogitRow) -> None:
    found = attack_once(STATEMENT, row)
    assert found.right <= bound_by_number(int(row.visible.sum()))


@examples(30)
@given(rows)
def test_rounding_is_as_derived(row: LogitRow) -> None:
    check_rounding(STATEMENT, row)


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 300, 0.99)


def test_tail_of_ties_nearly_attains_the_bound() -> None:
    """Weights of 1/2 that all become 1: a bound that is a hundredth smaller would be false."""
    check = STATEMENT.check(make_row([0] + [-16 * 256] * 100))
    assert check.ratio > 0.99
    assert check.left > 0.4 * bound_by_number(100)


def test_most_keys_far_below_the_largest() -> None:
    row = make_row([0] + [-16 * 256] * (MAX_VISIBLE_TOKENS - 1), 16)
    check = STATEMENT.check(row)
    assert check.holds
    assert 0.08 < check.left < check.right < bound_by_number(MAX_VISIBLE_TOKENS)


def test_single_key_has_the_share_one() -> None:
    assert STATEMENT.check(make_row([-77])).left == 0.0


def test_dropped_bits_are_in_the_bound() -> None:
    """A maximum that rises with every word: the sum is shifted and loses bits, no weight does."""
    row = make_row([256 * octave for octave in range(0, 60, 2)], num_lanes=1)
    assert row.words.total[0] % 2 == 1  # a bit of an earlier word is the last one
    assert STATEMENT.certify(row) is Verdict.HOLDS


@pytest.mark.parametrize("name", ["weights", "exponents", "total"])
def test_wrong_words_are_found_out(name: str) -> None:
    row = make_row([-300, 5, 900, -2000, 1200, 700])
    words = row.words
    shares = compute_shares(row, words)
    assert compute_distance(shares) <= bound(shares)
    part = getattr(words, name)
    wrong = part + 64 * (np.arange(part.shape[-1]) == 0) if name == "weights" else part * 1
    if name == "exponents":
        wrong[0, 0] += 1
    elif name == "total":
        wrong = part - (1 << 16)
    moved = compute_shares(row, replace(words, **{name: wrong}))
    assert compute_distance(moved) > bound(shares)


def test_saturated_logits_lose_order_and_distance() -> None:
    largest = np.array([40, 36, 33]) * 256
    assert saturate_logits(largest).tolist() == [8191] * 3
    assert saturate_logits(np.array([-2000, 2000])).tolist() == [-2000, 2000]
    [example, _] = get_counterexamples()
    assert example.left > 0.4 > 1000 * example.right


def test_saturated_difference_changes_no_weight() -> None:
    """Beyond 17 octaves every weight is 0, whether the difference is cut off or not."""
    for octaves in (18, 19, 1000, 32_000):
        words = make_row([0, -100, -octaves * 256]).words
        assert (
            words.weights[0, 0, :3].tolist()
            == make_row([0, -100, -18 * 256]).words.weights[0, 0, :3].tolist()
        )
        assert words.weights[0, 0, 2] == 0
        assert words.total == make_row([0, -100]).words.total


def test_hypotheses_are_checked() -> None:
    row = make_row([1, 2])
    with pytest.raises(HypothesisError, match=r"^P-22: hypothesis violated: logits of 24 bits$"):
        STATEMENT.check(replace(row, logits=np.array([0.0, 2.0**23])))
    with pytest.raises(HypothesisError, match=r"finite logits$"):
        STATEMENT.check(replace(row, logits=np.array([0.0, np.nan])))
    with pytest.raises(HypothesisError, match=r"1 to 8,192 visible keys$"):
        STATEMENT.check(replace(row, visible=np.zeros(2, bool)))
