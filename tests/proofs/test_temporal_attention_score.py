"""P-02: distance of two queries with scores on the same key."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import compute_norm, to_balls, to_float
from fastcar.proofs.attack import attack
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.counterexamples.temporal_attention_score import get_counterexamples
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.proofs.temporal_attention_score import (
    STATEMENT,
    AlignedQueries,
    compute_key_gap,
    compute_key_gap_rounding,
    compute_score,
)
from fastcar.reference.temporal_attention_score import compute_score_heads
from tests.proofs.attacks import attack_once, attack_settings, check_rounding
from tests.proofs.strategies import neighbours, vectors


@st.composite
def aligned_queries(draw: st.DrawFn) -> AlignedQueries:
    """Up to three dimensions; queries anywhere, or near the key or each other."""
    key = draw(vectors(draw(st.integers(1, 3))))
    query = draw(st.one_of(vectors(len(key)), neighbours(key)))
    other_query = draw(st.one_of(vectors(len(key)), neighbours(key), neighbours(query)))
    return AlignedQueries(query, other_query, key)


@attack_settings()
@given(aligned_queries())
def test_no_attack_violates_the_claim(pair: AlignedQueries) -> None:
    attack_once(STATEMENT, pair)


@attack_settings()
@given(aligned_queries())
def test_rounding_is_as_derived(pair: AlignedQueries) -> None:
    check_rounding(STATEMENT, pair)


def test_key_between_the_queries_attains_the_bound() -> None:
    axis = np.array([0.6, 0.8])
    found = STATEMENT.check(AlignedQueries(1.5 * axis, 0.5 * axis, key=axis))
    assert found.holds
    assert not found.is_vacuous
    assert found.ratio == pytest.approx(1, abs=1e-12)


def test_search_approaches_the_bound() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 2_000)
    assert found.num_violations == 0
    assert found.worst.ratio >= 0.999


def test_three_dimensions_are_certified() -> None:
    pair = AlignedQueries(np.array([1.0, 2, 0]), np.array([0.0, 2, 1]), np.array([1.0, 1, 1]))
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_tight_case_is_undecided_never_wrong() -> None:
    pair = AlignedQueries(np.array([1.5, 1.5]), np.array([0.5, 0.5]), key=np.ones(2))
    assert STATEMENT.certify(pair) is Verdict.UNDECIDED


def test_cancelled_root_is_off_by_more_than_the_unit_roundoff() -> None:
    # Why the rounding is a root: the gap is 2^-30, yet its square drowns in |q|^2 + |k|^2.
    key = np.array([0.7, 0.1, 0.3])
    query = key * (1 + 2.0**-30)
    gap = compute_key_gap(
        compute_norm(query), compute_norm(key), compute_score(query, key), head_dim=3
    )
    error = abs(gap - compute_norm(query - key))
    assert 1e-13 < error <= compute_key_gap_rounding(query, key) < 1e-7


@given(st.integers(0, 2**32 - 1))
def test_normalised_gap_is_the_short_form(seed: int) -> None:
    rng = np.random.default_rng(seed)
    head_dim = int(rng.integers(2, 65))
    query, key = rng.standard_normal((2, head_dim))
    norm = head_dim**0.25
    query, key = query * norm / compute_norm(query), key * norm / compute_norm(key)
    score = compute_score(query, key)
    short_form = norm * np.sqrt(2 * (1 - score))
    assert compute_key_gap(norm, norm, score, head_dim) == pytest.approx(short_form, rel=1e-9)
    assert compute_norm(query - key) == pytest.approx(short_form, rel=1e-9)


def test_gap_from_a_norm_around_zero_stays_finite() -> None:
    third = to_balls(np.array([1.0]))[0] / 3
    gap = compute_key_gap(third - third, third, 0 * third, head_dim=1)
    assert gap.is_finite()
    assert to_float(gap) == pytest.approx(1 / 3)


def test_score_is_that_of_the_reference() -> None:
    query, key = np.random.default_rng(0).standard_normal((2, 8))
    expected = compute_score_heads(query[None, None], key[None, None]).item()
    assert compute_score(query, key) == pytest.approx(expected, rel=1e-12)


def test_infinite_key_is_no_instance() -> None:
    message = r"^P-02: hypothesis violated: finite query, other_query, key$"
    with pytest.raises(HypothesisError, match=message):
        STATEMENT.check(AlignedQueries(np.ones(1), np.ones(1), np.array([np.nan])))


@pytest.mark.parametrize("example", get_counterexamples(), ids=lambda example: example.dropped)
def test_dropped_hypothesis_lets_the_claim_fail(example: Counterexample) -> None:
    assert example.number == STATEMENT.number
    assert example.left > example.right + 0.1
