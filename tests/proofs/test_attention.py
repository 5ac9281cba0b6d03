"""P-03: attention of two queries over the same keys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import to_balls, to_float
from fastcar.proofs.attention import STATEMENT, AttentionPair, compute_diameter, compute_head
from fastcar.proofs.counterexamples.attention import get_counterexamples
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.attention import compute_attention
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search
from tests.proofs.strategies import Matrix, Vector, neighbours, vectors


@st.composite
def rows(draw: st.DrawFn, num_rows: int, head_dim: int) -> Matrix:
    """[num_rows, head_dim]; every row at its own scale, or a neighbour of the first."""
    drawn = [draw(vectors(head_dim))]
    while len(drawn) < num_rows:
        drawn.append(draw(st.one_of(vectors(head_dim), neighbours(drawn[0]))))
    return np.array(drawn)


@st.composite
def attention_pairs(draw: st.DrawFn) -> AttentionPair:
    """One to four keys in up to three dimensions; queries of any scale, alike or not."""
    head_dim, num_keys = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    query = draw(vectors(head_dim))
    other_query = draw(neighbours(query))
    keys, values = draw(rows(num_keys, head_dim)), draw(rows(num_keys, head_dim))
    return AttentionPair(query, other_query, keys, values)


def make_tight_pair(logit: float, axis: Vector) -> AttentionPair:
    """Keys and values along +-axis, queries with the logits +-logit and -+logit."""
    ends = np.array([axis, -axis])
    query = np.sqrt(len(axis)) * logit * axis / (axis @ axis)
    return AttentionPair(query, -query, keys=ends, values=ends)


@attack_settings()
@given(attention_pairs())
def test_no_attack_violates_the_claim(pair: AttentionPair) -> None:
    attack_once(STATEMENT, pair)


@given(attention_pairs())
def test_rounding_is_as_derived(pair: AttentionPair) -> None:
    check_rounding(STATEMENT, pair)


@pytest.mark.parametrize("logit", [1e-4, 0.25, 0.5])
def test_opposite_keys_attain_the_bound(logit: float) -> None:
    found = STATEMENT.check(make_tight_pair(logit, np.array([0.6, 0.8])))
    assert found.holds
    assert not found.is_vacuous
    assert found.ratio == pytest.approx(1, abs=1e-9)


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 2_000, 0.99)


def test_three_keys_are_certified() -> None:
    keys = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]])
    pair = AttentionPair(np.array([1.0, 0.5]), np.array([0.5, 1.0]), keys, values=keys[::-1])
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_tight_case_is_undecided_never_wrong() -> None:
    assert STATEMENT.certify(make_tight_pair(0.5, np.ones(1))) is Verdict.UNDECIDED


def test_no_key_is_no_instance() -> None:
    nothing = np.zeros((0, 2))
    with pytest.raises(HypothesisError, match=r"^P-03: hypothesis violated: at least one key$"):
        STATEMENT.check(AttentionPair(np.zeros(2), np.zeros(2), nothing, nothing))


def test_infinite_value_is_no_instance() -> None:
    message = r"^P-03: hypothesis violated: finite query, other_query, keys, values$"
    with pytest.raises(HypothesisError, match=message):
        STATEMENT.check(
            AttentionPair(np.ones(1), np.ones(1), np.ones((1, 1)), np.array([[np.inf]]))
        )


def test_head_is_that_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    query, keys, values = rng.standard_normal(4), *rng.standard_normal((2, 5, 4))
    context, _ = compute_attention(query[None, None], keys[None, None], values[None, None])
    np.testing.assert_allclose(compute_head(query, keys, values), context[0, 0], rtol=1e-12)


@given(st.integers(0, 5), st.data())
def test_diameter_is_the_farthest_pair(num_keys: int, data: st.DataObject) -> None:
    keys = data.draw(rows(5, 2))[:num_keys]
    distances = [float(np.hypot(*(a - b))) for a in keys for b in keys]
    largest = max(distances, default=0.0)
    assert compute_diameter(keys) == pytest.approx(largest, rel=1e-14)
    assert to_float(compute_diameter(to_balls(keys))) == pytest.approx(largest, rel=1e-14)


@pytest.mark.parametrize("example", get_counterexamples(), ids=lambda example: example.dropped)
def test_dropped_hypothesis_lets_the_claim_fail(example: Counterexample) -> None:
    assert example.number == STATEMENT.number
    assert example.left > example.right + 0.1
