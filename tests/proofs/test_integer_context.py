"""P-23: elements of the integer context, attacked, certified; no width is left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.counterexamples.integer_context import get_counterexamples
from fastcar.proofs.integer_context import (
    STATEMENT,
    ValueRow,
    bound_by_number,
    compute_words,
    draw,
    find_wide,
)
from fastcar.proofs.integer_softmax import LogitRow
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.integer.whole.context import compute_context
from fastcar.reference.integer.whole.softmax import MAX_VISIBLE_TOKENS
from tests.examples import examples
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search

rows = st.integers(0, 2**32 - 1).map(lambda seed: draw(np.random.default_rng(seed)))


def make_row(logits: list[int], values: list[int], num_lanes: int = 4) -> ValueRow:
    """All keys visible."""
    row = LogitRow(np.array(logits, np.float64), np.ones(len(logits), bool), num_lanes)
    return ValueRow(row, np.array(values, np.float64))


@attack_settings()
@given(rows)
def test_no_attack_violates_the_claim(given_row: ValueRow) -> None:
    found = attack_once(STATEMENT, given_row)
    assert found.right <= bound_by_number(int(given_row.row.visible.sum()))
    assert find_wide(compute_words(given_row), given_row.integers) == []


@examples(30)
@given(rows)
def test_rounding_is_as_derived(given_row: ValueRow) -> None:
    check_rounding(STATEMENT, given_row)


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 300, 0.99)


def test_tail_of_ties_nearly_attains_the_bound() -> None:
    values = [-127] + [127] * 200
    check = STATEMENT.check(make_row([0] + [-16 * 256] * 200, values))
    assert check.ratio > 0.99


def test_single_key_is_off_by_rounding_and_reciprocal_alone() -> None:
    checks = [STATEMENT.check(make_row([-z], [127])) for z in range(1, 257)]
    assert max(check.left for check in checks) == pytest.approx(1.0)
    assert max(check.right for check in checks) < 1.5
    assert all(check.holds for check in checks)


@pytest.mark.parametrize("num_lanes", [4, 16])
@pytest.mark.parametrize("value", [-127, 127])
def test_nothing_saturates_at_the_ends(value: int, num_lanes: int) -> None:
    for logit in (-1, -256):
        logits = [logit] * MAX_VISIBLE_TOKENS
        given_row = make_row(logits, [value] * MAX_VISIBLE_TOKENS, num_lanes)
        words = compute_words(given_row)
        assert find_wide(words, given_row.integers) == []
        context = int(compute_context(words, given_row.integers)[0, 0, 0])
        assert 256 * 126 < abs(context) <= 256 * 127


def test_largest_context_is_reached() -> None:
    """A reciprocal that is too large does not carry it beyond 256 times the largest value."""
    for first in range(-256, 0, 5):
        logits = [first, *range(-256, -1, 3)]
        given_row = make_row(logits, [-127] * len(logits))
        words = compute_words(given_row)
        assert find_wide(words, given_row.integers) == []
        if compute_context(words, given_row.integers)[0, 0, 0] == -256 * 127:
            return
    raise AssertionError("no sum gives it")


def test_rising_maxima_shift_every_word() -> None:
    logits = [256 * octave for octave in range(40)]
    given_row = make_row(logits, [(-1) ** octave * 127 for octave in range(40)], num_lanes=1)
    assert STATEMENT.certify(given_row) is Verdict.HOLDS


def test_width_that_is_left_is_named() -> None:
    given_row = make_row([-1] * 8, [127] * 8)
    words = compute_words(given_row)
    assert find_wide(replace(words, weights=words.weights + 100), given_row.integers) == [
        "p",
        "context",
    ]
    short = replace(words, total=words.total >> 2)
    assert find_wide(short, given_row.integers) == ["context"]
    assert "S" in find_wide(replace(words, total=words.total << 13), given_row.integers)


def test_hypotheses_are_checked() -> None:
    given_row = make_row([1, 2], [3, 4])
    with pytest.raises(HypothesisError, match=r"^P-23: .*values within \+-127$"):
        STATEMENT.check(replace(given_row, values=np.array([0.0, 128.0])))
    unseen = replace(given_row.row, visible=np.zeros(2, bool))
    with pytest.raises(HypothesisError, match=r"logits as for P-22$"):
        STATEMENT.check(replace(given_row, row=unseen))


def test_counterexamples_violate_what_they_drop() -> None:
    assert all(found.left > 1.9 * found.right for found in get_counterexamples())
