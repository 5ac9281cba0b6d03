"""P-04: attention of two queries, one of which sees more keys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs import attention
from fastcar.proofs.causal_attention import STATEMENT, CausalPair, compute_fresh_mass
from fastcar.proofs.counterexamples.causal_attention import get_counterexamples
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.attention import compute_prompt_attention
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search
from tests.proofs.test_attention import attention_pairs


@st.composite
def causal_pairs(draw: st.DrawFn) -> CausalPair:
    """Pairs as for P-03; any number of the keys is shared."""
    pair = draw(attention_pairs())
    num_shared = draw(st.integers(1, len(pair.keys)))
    return CausalPair(pair.query, pair.other_query, pair.keys, pair.values, num_shared)


@attack_settings()
@given(causal_pairs())
def test_no_attack_violates_the_claim(pair: CausalPair) -> None:
    attack_once(STATEMENT, pair)


@given(causal_pairs())
def test_rounding_is_as_derived(pair: CausalPair) -> None:
    check_rounding(STATEMENT, pair)


def test_one_shared_and_one_fresh_key_attain_the_bound() -> None:
    ends = np.array([[0.6, 0.8], [-0.6, -0.8]])
    found = STATEMENT.check(
        CausalPair(np.ones(2), np.ones(2), keys=ends, values=ends, num_shared=1)
    )
    assert found.holds
    assert found.right < 0.75 * found.trivial
    assert found.ratio == pytest.approx(1, abs=1e-12)


def test_two_shared_and_one_fresh_key_attain_the_bound() -> None:
    # Shared keys 1 and -1 with these values, a fresh key of value -1. Of all queries with this
    # oscillation those below are farthest apart: odds x e^(osc/2) and x e^(-osc/2) on the first
    # key, the derivative with respect to x being 0.
    oscillation, fresh_mass = 2.0, 0.05
    factor, root = np.exp(oscillation / 2), np.sqrt(1 - fresh_mass)
    middle = np.log((factor - root) / (root * factor - 1))
    query, other_query = (middle - oscillation / 2) / 2, (middle + oscillation / 2) / 2
    odds = fresh_mass / (1 - fresh_mass) * (np.exp(query) + np.exp(-query))
    keys = np.array([[1.0], [-1.0], [np.log(odds) / query]])
    values = np.array([[1.0], [-1.0], [-1.0]])
    found = STATEMENT.check(CausalPair(np.array([query]), np.array([other_query]), keys, values, 2))
    assert found.left == pytest.approx(2 * (factor - root) ** 2 / (factor**2 - 1), rel=1e-12)
    assert found.holds
    assert found.right < 0.75 * found.trivial
    assert found.ratio == pytest.approx(1, abs=1e-12)


@given(attention_pairs())
def test_without_fresh_keys_it_is_the_bound_of_the_same_keys(
    pair: attention.AttentionPair,
) -> None:
    causal = CausalPair(pair.query, pair.other_query, pair.keys, pair.values, len(pair.keys))
    found, expected = STATEMENT.check(causal), attention.STATEMENT.check(pair)
    assert (found.left, found.right) == (expected.left, expected.right)


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 2_000, 0.95)


def test_three_keys_are_certified() -> None:
    keys = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]])
    pair = CausalPair(np.array([1.0, 0.5]), np.array([0.5, 1.0]), keys, keys[::-1], num_shared=2)
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_tight_case_is_undecided_never_wrong() -> None:
    ends = np.array([[1.0], [-1.0]])
    pair = CausalPair(np.ones(1), np.ones(1), keys=ends, values=ends, num_shared=1)
    assert STATEMENT.certify(pair) is Verdict.UNDECIDED


@pytest.mark.parametrize("num_shared", [0, 3])
def test_keys_must_be_shared(num_shared: int) -> None:
    message = r"^P-04: hypothesis violated: at least one shared key$"
    with pytest.raises(HypothesisError, match=message):
        STATEMENT.check(
            CausalPair(np.ones(1), np.ones(1), np.ones((2, 1)), np.ones((2, 1)), num_shared)
        )


def test_infinite_key_is_no_instance() -> None:
    message = r"^P-04: hypothesis violated: finite query, other_query, keys, values$"
    with pytest.raises(HypothesisError, match=message):
        STATEMENT.check(
            CausalPair(np.ones(1), np.ones(1), np.array([[np.inf]]), np.ones((1, 1)), 1)
        )


def test_sides_are_those_of_the_reference_under_its_mask() -> None:
    queries, keys, values = np.random.default_rng(0).standard_normal((3, 6, 4))
    visible = np.tril(np.ones((6, 6), dtype=bool))[None]
    shaped = (part[None, :, None] for part in (queries, keys, values))  # [1, 6, 1, 4]
    query, key, value = shaped
    contexts = compute_prompt_attention(query, key.swapaxes(1, 2), value.swapaxes(1, 2), visible)
    found = STATEMENT.check(CausalPair(queries[5], queries[2], keys, values, num_shared=3))
    assert found.left == pytest.approx(np.linalg.norm(contexts[0, 5] - contexts[0, 2]), rel=1e-12)


def test_fresh_mass_is_what_the_shared_keys_lack() -> None:
    query, keys = np.array([1.0]), np.array([[0.0], [0.0], [np.log(2.0)]])
    assert compute_fresh_mass(query, keys, 2) == pytest.approx(0.5)
    assert compute_fresh_mass(query, keys, 3) == 0


@pytest.mark.parametrize("example", get_counterexamples(), ids=lambda example: example.dropped)
def test_dropped_hypothesis_lets_the_claim_fail(example: Counterexample) -> None:
    assert example.number == STATEMENT.number
    assert example.left > example.right + 0.1
