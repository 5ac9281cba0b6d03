"""P-01: total variation of two softmax distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.attack import attack
from fastcar.proofs.softmax import STATEMENT, LogitPair
from fastcar.proofs.statement import HypothesisError, Verdict
from tests.proofs.attacks import attack_once, attack_settings, check_rounding
from tests.proofs.strategies import neighbours, vectors


@st.composite
def logit_pairs(draw: st.DrawFn) -> LogitPair:
    """One to six keys; logits of any scale, alike or not."""
    x = draw(vectors(draw(st.integers(1, 6))))
    return LogitPair(x, draw(neighbours(x)))


@attack_settings()
@given(logit_pairs())
def test_no_attack_violates_the_claim(pair: LogitPair) -> None:
    attack_once(STATEMENT, pair)


@given(logit_pairs())
def test_rounding_is_as_derived(pair: LogitPair) -> None:
    check_rounding(STATEMENT, pair)


def test_two_keys_attain_the_bound() -> None:
    found = STATEMENT.check(LogitPair(np.array([0.5, 0.0]), np.array([0.0, 0.5])))
    assert found.holds
    assert found.ratio == pytest.approx(1, abs=1e-12)


def test_search_approaches_the_bound() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 2_000)
    assert found.num_violations == 0
    assert found.worst.ratio >= 0.999


def test_three_keys_are_certified() -> None:
    pair = LogitPair(np.array([1.0, 0.0, 3.0]), np.array([0.0, 1.0, 2.0]))
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_tight_case_is_undecided_never_wrong() -> None:
    pair = LogitPair(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert STATEMENT.certify(pair) is Verdict.UNDECIDED


def test_infinite_logit_is_no_instance() -> None:
    with pytest.raises(HypothesisError, match=r"^P-01: hypothesis violated: finite x, y$"):
        STATEMENT.check(LogitPair(np.array([np.inf, 0.0]), np.zeros(2)))
