"""P-05: mean distance of query and key over the heads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import compute_norm
from fastcar.proofs.attack import attack
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.counterexamples.head_aggregation import get_counterexamples
from fastcar.proofs.head_aggregation import STATEMENT, AlignedHeads, compute_scores
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.proofs.temporal_attention_score import compute_key_gap
from fastcar.reference.temporal_attention_score import compute_score_heads
from tests.proofs.attacks import attack_once, attack_settings, check_rounding
from tests.proofs.strategies import neighbours, vectors


@st.composite
def aligned_heads(draw: st.DrawFn) -> AlignedHeads:
    """One to three heads in up to three dimensions, every head at its own scale."""
    head_dim = draw(st.integers(1, 3))
    queries = [draw(vectors(head_dim)) for _ in range(draw(st.integers(1, 3)))]
    keys = [draw(st.one_of(vectors(head_dim), neighbours(query))) for query in queries]
    return AlignedHeads(np.array(queries), np.array(keys))


@attack_settings()
@given(aligned_heads())
def test_no_attack_violates_the_claim(pair: AlignedHeads) -> None:
    attack_once(STATEMENT, pair)


@pytest.mark.slow
@attack_settings()
@given(aligned_heads())
def test_rounding_is_as_derived(pair: AlignedHeads) -> None:
    check_rounding(STATEMENT, pair)


def test_equal_gaps_attain_the_bound() -> None:
    queries = np.array([[1.0, 2.0], [-3.0, 1.0], [0.0, 4.0]])
    gaps = np.array([[0.6, 0.8], [1.0, 0.0], [-0.8, 0.6]])
    found = STATEMENT.check(AlignedHeads(queries, queries + gaps))
    assert found.holds
    assert not found.is_vacuous
    assert found.ratio == pytest.approx(1, abs=1e-12)


def test_search_approaches_the_bound() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 2_000)
    assert found.num_violations == 0
    assert found.worst.ratio >= 0.999


def test_two_heads_are_certified() -> None:
    pair = AlignedHeads(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [3.0, 1.0]]))
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_tight_case_is_undecided_never_wrong() -> None:
    pair = AlignedHeads(np.array([[1.0, 2.0]]), np.array([[2.0, 3.0]]))
    assert STATEMENT.certify(pair) is Verdict.UNDECIDED


def test_normalised_heads_need_the_mean_score_alone() -> None:
    head_dim, norm = 16, 2.0
    queries, keys = np.random.default_rng(0).standard_normal((2, 8, head_dim))
    queries *= norm / np.linalg.norm(queries, axis=1, keepdims=True)
    keys *= norm / np.linalg.norm(keys, axis=1, keepdims=True)
    pair = AlignedHeads(queries, keys)
    mean_score = float(compute_scores(pair).mean())
    assert STATEMENT.check(pair).right == pytest.approx(
        norm * np.sqrt(2 * (1 - mean_score)), rel=1e-12
    )


def test_one_head_is_the_gap_of_that_head() -> None:
    query, key = np.array([1.0, 2.0]), np.array([2.0, 0.0])
    pair = AlignedHeads(query[None], key[None])
    score = float(compute_scores(pair)[0])
    expected = compute_key_gap(compute_norm(query), compute_norm(key), score, head_dim=2)
    assert STATEMENT.check(pair).right == pytest.approx(expected, rel=1e-12)


def test_scores_are_those_of_the_reference() -> None:
    queries, keys = np.random.default_rng(0).standard_normal((2, 3, 8))
    expected = compute_score_heads(queries[None], keys[None])[0]
    np.testing.assert_allclose(compute_scores(AlignedHeads(queries, keys)), expected, rtol=1e-12)


def test_no_head_is_no_instance() -> None:
    with pytest.raises(HypothesisError, match=r"^P-05: hypothesis violated: at least one head$"):
        STATEMENT.check(AlignedHeads(np.zeros((0, 2)), np.zeros((0, 2))))


def test_infinite_query_is_no_instance() -> None:
    message = r"^P-05: hypothesis violated: finite queries, keys$"
    with pytest.raises(HypothesisError, match=message):
        STATEMENT.check(AlignedHeads(np.array([[np.inf]]), np.ones((1, 1))))


@pytest.mark.parametrize("example", get_counterexamples(), ids=lambda example: example.dropped)
def test_dropped_hypothesis_lets_the_claim_fail(example: Counterexample) -> None:
    assert example.number == STATEMENT.number
    assert example.left > example.right + 0.1
