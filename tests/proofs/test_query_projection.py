"""P-14: query of a token and its own key."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import compute_norm
from fastcar.proofs.attack import attack
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.counterexamples.query_projection import get_counterexamples
from fastcar.proofs.query_projection import STATEMENT, HeadProjections, compute_normed_limit
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.rotary import RotaryTable
from tests.proofs.attacks import attack_once, attack_settings, check_rounding
from tests.proofs.strategies import Vector, matrices, neighbours, vectors


@st.composite
def head_projections(draw: st.DrawFn) -> HeadProjections:
    """Up to 3 x 3, projections alike or not; the input may be a row of their difference."""
    head_dim, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    q_proj = draw(matrices(head_dim, width))
    k_proj = draw(neighbours(q_proj))
    normed = draw(vectors(width))
    if draw(st.booleans()):
        normed = (q_proj - k_proj)[0]
    return HeadProjections(q_proj, k_proj, normed)


@attack_settings()
@given(head_projections())
def test_no_attack_violates_the_claim(heads: HeadProjections) -> None:
    attack_once(STATEMENT, heads)


@given(head_projections())
def test_rounding_is_as_derived(heads: HeadProjections) -> None:
    check_rounding(STATEMENT, heads)


@pytest.mark.parametrize("gap", [1e-6, 0.1])
def test_leading_direction_attains_the_bound(gap: float) -> None:
    direction = np.array([0.6, 0.8])
    q_proj = np.array([[1.0, 2.0], [3.0, 4.0]])
    k_proj = q_proj + gap * np.outer([1.0, -1.0], direction)
    found = STATEMENT.check(HeadProjections(q_proj, k_proj, direction))
    assert found.holds
    assert not found.is_vacuous
    assert found.ratio == pytest.approx(1, abs=1e-7)


def test_search_approaches_the_bound() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 2_000)
    assert found.num_violations == 0
    assert found.worst.ratio >= 0.999


def test_two_dimensions_are_certified() -> None:
    heads = HeadProjections(np.array([[1.0, 2.0], [0.0, 1.0]]), np.eye(2), np.array([1.0, -1.0]))
    assert STATEMENT.certify(heads) is Verdict.HOLDS


def test_tight_case_is_undecided_never_wrong() -> None:
    heads = HeadProjections(np.array([[2.0, 1.0], [1.0, 2.0]]), np.zeros((2, 2)), np.full(2, 0.1))
    assert STATEMENT.certify(heads) is Verdict.UNDECIDED


def test_infinite_input_is_no_instance() -> None:
    message = r"^P-14: hypothesis violated: finite q_proj, k_proj, normed$"
    with pytest.raises(HypothesisError, match=message):
        STATEMENT.check(HeadProjections(np.ones((1, 1)), np.ones((1, 1)), np.array([np.nan])))


def test_rotation_of_one_position_keeps_the_distance() -> None:
    rng = np.random.default_rng(0)
    query, key = rng.standard_normal((2, 4))
    angles = rng.uniform(0, 7, (3, 2))
    table = RotaryTable(np.cos(angles), np.sin(angles))
    turned = [table.rotate(vector[None], np.array(2))[0] for vector in (query, key)]
    assert compute_norm(turned[0] - turned[1]) == pytest.approx(
        compute_norm(query - key), rel=1e-14
    )


@given(vectors(3), vectors(3), st.sampled_from([1e-12, 1e-5, 1.0]))
def test_normed_input_is_no_longer_than_its_limit(x: Vector, gain: Vector, eps: float) -> None:
    normed = compute_rms_norm(x, gain, eps)
    assert compute_norm(normed) <= compute_normed_limit(gain) * (1 + 1e-14)


def test_limit_of_the_normed_input_is_attained() -> None:
    gain = np.array([0.5, -2.0])
    normed = compute_rms_norm(np.array([0.0, 3.0]), gain, eps=1e-20)
    assert compute_norm(normed) == pytest.approx(compute_normed_limit(gain), rel=1e-14)


@pytest.mark.parametrize("example", get_counterexamples(), ids=lambda example: example.dropped)
def test_dropped_hypothesis_lets_the_claim_fail(example: Counterexample) -> None:
    assert example.number == STATEMENT.number
    assert example.left > example.right + 0.1
