"""P-06: distance of two vectors after root-mean-square normalisation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.attack import attack
from fastcar.proofs.counterexamples.rms_norm import get_counterexamples
from fastcar.proofs.rms_norm import (
    STATEMENT,
    NormPair,
    compute_radius,
    compute_root_mean_square,
)
from fastcar.proofs.statement import HypothesisError, Verdict
from tests.proofs.attacks import attack_once, attack_settings, check_rounding
from tests.proofs.strategies import neighbours, vectors


@st.composite
def norm_pairs(draw: st.DrawFn) -> NormPair:
    """One to four elements, above and below the norm where eps takes over."""
    width = draw(st.integers(1, 4))
    x = draw(vectors(width))
    other, gain = draw(neighbours(x)), draw(vectors(width))
    return NormPair(x, other, gain, 10.0 ** draw(st.integers(-12, 0)))


@attack_settings()
@given(norm_pairs())
def test_no_attack_violates_the_claim(pair: NormPair) -> None:
    attack_once(STATEMENT, pair)


@given(norm_pairs())
def test_rounding_is_as_derived(pair: NormPair) -> None:
    check_rounding(STATEMENT, pair)


def test_neighbours_attain_the_bound() -> None:
    found = STATEMENT.check(
        NormPair(np.array([1.0, -1e-4]), np.array([1.0, 1e-4]), np.ones(2), 1e-9)
    )
    assert found.holds
    assert found.ratio == pytest.approx(1, abs=1e-7)
    assert not found.is_vacuous


def test_opposite_vectors_attain_the_bound() -> None:
    found = STATEMENT.check(
        NormPair(np.array([3.0, 4.0]), np.array([-3.0, -4.0]), np.ones(2), 1e-9)
    )
    assert found.ratio == pytest.approx(1, abs=1e-12)


def test_search_approaches_the_bound() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 2_000)
    assert found.num_violations == 0
    assert found.worst.ratio >= 0.999


@given(norm_pairs())
def test_smallest_radius_on_the_segment_is_no_larger(pair: NormPair) -> None:
    middle = [pair.x + share * (pair.other - pair.x) for share in np.linspace(0, 1, 9)]
    smallest = min(compute_root_mean_square(point, pair.eps) for point in middle)
    assert smallest <= compute_radius(pair.x, pair.other, pair.eps) * (1 + 1e-15)


def test_three_elements_are_certified() -> None:
    x, other = np.array([1.0, 2.0, 0.5]), np.array([0.5, 2.0, -1.0])
    pair = NormPair(x, other, np.array([1.0, -2.0, 0.5]), 1e-5)
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_equal_vectors_are_certified() -> None:
    pair = NormPair(np.zeros(2), np.zeros(2), np.ones(2), 1e-5)
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_infinite_element_is_no_instance() -> None:
    text = r"^P-06: hypothesis violated: finite x, other, gain$"
    with pytest.raises(HypothesisError, match=text):
        STATEMENT.check(NormPair(np.array([np.inf]), np.ones(1), np.ones(1), 1e-5))


@pytest.mark.parametrize("eps", [0.0, -1e-5, np.nan])
def test_eps_must_be_positive(eps: float) -> None:
    with pytest.raises(HypothesisError, match=r"^P-06: hypothesis violated: eps > 0$"):
        STATEMENT.check(NormPair(np.zeros(1), np.ones(1), np.ones(1), eps))


def test_counterexamples_violate_what_is_left() -> None:
    found = get_counterexamples()
    assert len(found) == 2
    for example in found:
        assert example.left > 1.1 * example.right
