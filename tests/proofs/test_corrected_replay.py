"""P-26: error of an MLP output replayed with a linear correction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.corrected_pair import (
    DISTANCE,
    FORMS,
    INPUT,
    CorrectedPair,
    compute_derivative_gap,
)
from fastcar.proofs.corrected_replay import STATEMENT, bound
from fastcar.proofs.counterexamples.corrected_replay import get_counterexamples, make_neuron
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.proofs.swiglu_pair import compute_swiglu
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search
from tests.proofs.strategies import matrices, neighbours, vectors


@st.composite
def corrected_pairs(draw: st.DrawFn) -> CorrectedPair:
    """One to three neurons of width one to three, any correction."""
    width, inner = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    gate, up = draw(matrices(inner, width)), draw(matrices(inner, width))
    down, correction = draw(matrices(width, inner)), draw(matrices(width, width))
    last = draw(vectors(width))
    form = draw(st.sampled_from(FORMS))
    return CorrectedPair(gate, up, down, correction, last, draw(neighbours(last)), form)


def make_pair(form: str, reach: float = 1e-3) -> CorrectedPair:
    """Three inputs and four neurons, seeded; the second input so far from the first."""
    rng = np.random.default_rng(0)
    gate, up = rng.standard_normal((2, 4, 3))
    last, step = rng.standard_normal((2, 3))
    moved = last + reach * step
    return CorrectedPair(gate, up, rng.standard_normal((3, 4)), np.zeros((3, 3)), last, moved, form)


@attack_settings(0.5)
@given(corrected_pairs())
def test_no_attack_violates_the_claim(pair: CorrectedPair) -> None:
    attack_once(STATEMENT, pair)


@given(corrected_pairs())
def test_rounding_is_as_derived(pair: CorrectedPair) -> None:
    check_rounding(STATEMENT, pair)


@pytest.mark.parametrize("form", FORMS)
@given(pair=corrected_pairs(), share=st.floats(0, 1))
def test_a_distance_bounds_every_input_within_it(
    form: str, pair: CorrectedPair, share: float
) -> None:
    """The claim of "distance" is for all n with |dn| <= x, not for those at x alone."""
    near = replace(pair, normed=pair.last + share * (pair.normed - pair.last), form=form)
    found, limit = STATEMENT.check(near), STATEMENT.check(replace(pair, form=DISTANCE))
    rounding = found.rounding + limit.rounding + 1e-12 * limit.right
    assert found.left <= limit.right + rounding


@pytest.mark.parametrize("form", FORMS)
def test_near_inputs_attain_the_first_order(form: str) -> None:
    pair = make_pair(form, reach=0.0)
    worst = np.linalg.svd(compute_derivative_gap(pair))[2][0]
    found = STATEMENT.check(replace(pair, normed=pair.last + 1e-7 * worst))
    assert found.holds
    assert found.ratio == pytest.approx(1, abs=1e-5)


def test_the_derivative_is_that_of_the_outputs() -> None:
    pair = make_pair(INPUT)
    matrices_ = pair.gate_proj, pair.up_proj, pair.down_proj
    step = 1e-6
    columns = [
        compute_swiglu(*matrices_, pair.last + step * unit)
        - compute_swiglu(*matrices_, pair.last - step * unit)
        for unit in np.eye(3)
    ]
    found = compute_derivative_gap(pair)
    assert np.allclose(found, np.array(columns).T / (2 * step), rtol=1e-7, atol=1e-8)
    moved = compute_derivative_gap(replace(pair, correction=np.eye(3)))
    assert np.allclose(moved, found - np.eye(3), rtol=0, atol=1e-14)


@pytest.mark.parametrize("form", FORMS)
def test_the_derivative_itself_leaves_second_order_alone(form: str) -> None:
    pair = make_pair(form)
    exact = replace(pair, correction=compute_derivative_gap(pair))
    farther = replace(exact, normed=exact.last + 2 * (exact.normed - exact.last))
    assert bound(farther) / bound(exact) == pytest.approx(4, rel=1e-2)
    assert bound(exact) < 0.1 * bound(pair)


@pytest.mark.parametrize("form", FORMS)
def test_a_gate_far_from_zero_has_no_curvature(form: str) -> None:
    """At g = 40 silu is the identity: the cross term s a b = 1/400 is all that is left."""
    pair = make_neuron(40.0, 40.05, 0.0)
    exact = replace(pair, correction=compute_derivative_gap(pair), form=form)
    assert bound(exact) == pytest.approx(0.0025, rel=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_what_grows_on_the_way_is_taken_where_it_ends(form: str) -> None:
    """From 0, where up = 0, both terms of the rest come to 2 at n = 2; Y(2) = 3.52."""
    found = STATEMENT.check(replace(make_neuron(0.0, 2.0, 0.0), form=form))
    assert found.holds
    assert found.right == pytest.approx(4)


@pytest.mark.parametrize("form", FORMS)
def test_a_gate_that_comes_to_zero_meets_its_curvature(form: str) -> None:
    """At g = -10 there is none; the last example without it is violated."""
    pair = replace(make_neuron(-10.0, 1.0, 0.0), up_proj=np.array([[-0.1]]), form=form)
    found = STATEMENT.check(pair)
    assert found.holds
    assert found.right > found.left > 0.07


@pytest.mark.parametrize("form", FORMS)
def test_three_neurons_are_certified(form: str) -> None:
    assert STATEMENT.certify(make_pair(form, reach=0.5)) is Verdict.HOLDS


def test_equal_inputs_are_replayed_exactly() -> None:
    for form in FORMS:
        assert bound(make_pair(form, reach=0.0)) == 0


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 500, 0.99)


def test_instances_are_finite_and_name_a_form() -> None:
    with pytest.raises(HypothesisError, match=r"^P-26: hypothesis violated: finite gate_proj, up_"):
        STATEMENT.check(make_neuron(1.0, np.inf, 0.0))
    with pytest.raises(HypothesisError, match=r"^P-26: hypothesis violated: a form of the bound$"):
        STATEMENT.check(replace(make_neuron(1.0, 2.0, 0.0), form="x"))


def test_counterexamples_violate_what_they_drop() -> None:
    found = get_counterexamples()
    assert len(found) == 3
    for example in found:
        assert example.left > 1.1 * example.right
