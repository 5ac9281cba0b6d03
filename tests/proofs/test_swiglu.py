"""P-07: distance of two outputs of the MLP, and the constants of silu."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.attack import attack
from fastcar.proofs.counterexamples.swiglu import get_counterexamples
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.proofs.swiglu import STATEMENT
from fastcar.proofs.swiglu_pair import SwiGLUPair
from tests.proofs.attacks import attack_once, attack_settings, check_rounding
from tests.proofs.strategies import matrices, neighbours, vectors

STEEPEST = 2.3993572805154678
"""Where silu' is largest."""


@st.composite
def swiglu_pairs(draw: st.DrawFn) -> SwiGLUPair:
    """One to three neurons of width one to three."""
    width, inner = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    gate_proj, up_proj = draw(matrices(inner, width)), draw(matrices(inner, width))
    normed = draw(vectors(width))
    other = draw(neighbours(normed))
    return SwiGLUPair(gate_proj, up_proj, draw(matrices(width, inner)), normed, other)


def make_neuron(gate: float, other: float) -> SwiGLUPair:
    """One neuron with weights 1."""
    one = np.ones((1, 1))
    return SwiGLUPair(one, one, one, np.array([gate]), np.array([other]))


@attack_settings()
@given(swiglu_pairs())
def test_no_attack_violates_the_claim(pair: SwiGLUPair) -> None:
    attack_once(STATEMENT, pair)


@given(swiglu_pairs())
def test_rounding_is_as_derived(pair: SwiGLUPair) -> None:
    check_rounding(STATEMENT, pair)


def test_one_neuron_attains_the_bound() -> None:
    found = STATEMENT.check(make_neuron(STEEPEST, STEEPEST + 1e-6))
    assert found.holds
    assert found.ratio == pytest.approx(1, abs=1e-6)
    assert not found.is_vacuous


def test_search_approaches_the_bound() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 2_000)
    assert found.num_violations == 0
    assert found.worst.ratio >= 0.999


def test_two_neurons_are_certified() -> None:
    matrix = np.array([[1.0, -2.0], [0.5, 1.0]])
    pair = SwiGLUPair(matrix, matrix.T, matrix, np.array([1.0, 2.0]), np.array([1.5, 1.0]))
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_infinite_weight_is_no_instance() -> None:
    pair = make_neuron(1, np.inf)
    text = r"^P-07: hypothesis violated: finite gate_proj, up_proj, down_proj, normed, other$"
    with pytest.raises(HypothesisError, match=text):
        STATEMENT.check(pair)


def test_counterexamples_violate_what_is_left() -> None:
    found = get_counterexamples()
    assert len(found) == 3
    for example in found:
        assert example.left > 1.01 * example.right
