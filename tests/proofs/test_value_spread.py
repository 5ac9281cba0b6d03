"""P-25: attention of two queries, by the spread of the values."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given

from fastcar.proofs import sparse_attention
from fastcar.proofs.counterexamples.value_spread import FRESH, get_counterexamples
from fastcar.proofs.sparse_attention import WindowPair
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.proofs.value_spread import STATEMENT, bound_by_weights, compute_weight_changes
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search
from tests.proofs.test_sparse_attention import window_pairs


@attack_settings(0.3)
@given(window_pairs())
def test_no_attack_violates_the_claim(pair: WindowPair) -> None:
    attack_once(STATEMENT, pair)


@given(window_pairs())
def test_rounding_is_as_derived(pair: WindowPair) -> None:
    check_rounding(STATEMENT, pair)


@given(window_pairs())
def test_both_forms_hold_and_the_diameter_is_no_worse_than_twice_the_norm(pair: WindowPair) -> None:
    found, with_norms = STATEMENT.check(pair), sparse_attention.STATEMENT.check(pair)
    assert found.left == with_norms.left
    assert found.right <= with_norms.right + found.rounding
    assert found.left <= bound_by_weights(pair) + found.rounding
    assert abs(compute_weight_changes(pair).sum()) < 1e-12


def test_values_far_from_the_origin_are_bounded_by_their_spread() -> None:
    """A value that all share moves nothing: P-12 pays for it, P-25 does not."""
    moved = replace(FRESH, shared_values=np.array([[101.0]]), fresh_values=np.array([[99.0]]))
    found = STATEMENT.check(moved)
    assert found.left == pytest.approx(1)
    assert found.right == pytest.approx(1)
    assert sparse_attention.STATEMENT.check(moved).right == pytest.approx(101)


def test_opposite_values_attain_both_forms() -> None:
    found = STATEMENT.check(FRESH)
    assert found.ratio == pytest.approx(1, abs=1e-12)
    assert found.right < 0.75 * found.trivial
    assert bound_by_weights(FRESH) == pytest.approx(found.left, rel=1e-12)


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 1_000, 0.95)


def test_four_keys_are_certified() -> None:
    keys = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0], [1.0, 3.0]])
    parts = (keys[:2], keys[2:], keys[2:3], keys[:1], keys[3:], keys[1:2])
    pair = WindowPair(np.array([1.0, 0.5]), np.array([0.5, 1.0]), *parts)
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_instances_are_finite_and_see_a_key() -> None:
    names = ", ".join(field.name for field in fields(WindowPair))
    with pytest.raises(HypothesisError, match=rf"^P-25: hypothesis violated: finite {names}$"):
        STATEMENT.check(replace(FRESH, fresh_values=np.array([[np.nan]])))
    nothing = np.zeros((0, 1))
    with pytest.raises(HypothesisError, match=r"^P-25: hypothesis violated: a key for each token"):
        STATEMENT.check(replace(FRESH, shared_keys=nothing, shared_values=nothing))


def test_counterexamples_violate_what_they_drop() -> None:
    for example in get_counterexamples():
        assert example.left > 1.1 * example.right
