"""P-20: weights of the integer softmax, every difference looked at, a wrong table found out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import is_certain, to_balls
from fastcar.proofs.counterexamples.exponential_weight import get_counterexamples
from fastcar.proofs.exponential_weight import (
    LARGEST_ERROR,
    LEAST_TIE_DISTANCE,
    STATEMENT,
    LogitBelow,
    bound,
    compute_errors,
    compute_least_tie_distance,
    draw,
    get_differences,
    prove_all_differences,
)
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.arrays import Int64Array
from fastcar.reference.integer.whole.softmax import LAST_DIFFERENCE, compute_weights
from tests.examples import examples
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search

logits = st.integers(0, 2**32 - 1).map(lambda seed: draw(np.random.default_rng(seed)))


@attack_settings()
@given(logits)
def test_no_attack_violates_the_claim(logit: LogitBelow) -> None:
    attack_once(STATEMENT, logit)


@examples(50)
@given(logits)
def test_rounding_is_as_derived(logit: LogitBelow) -> None:
    check_rounding(STATEMENT, logit)


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 500, 0.99)


def test_every_difference_is_certain_in_balls() -> None:
    assert prove_all_differences() == dict.fromkeys(("expected", "found", "discharged"), 18 * 256)


def test_smaller_bound_is_refuted_in_balls() -> None:
    differences = to_balls(get_differences().astype(np.float64))
    pairs = zip(compute_errors(differences), 0.9999 * bound(differences), strict=True)
    assert any(is_certain(error > limit) for error, limit in pairs)


def test_largest_error_is_proven_and_nearly_reached() -> None:
    differences = to_balls(get_differences().astype(np.float64))
    errors = compute_errors(differences)
    assert all(is_certain(error < LARGEST_ERROR) for error in errors)
    assert any(is_certain(error > 0.9999 * LARGEST_ERROR) for error in errors)
    assert LARGEST_ERROR < bound(np.array([257.0]))[0] == 0.75


def test_no_entry_is_near_a_tie() -> None:
    distance = compute_least_tie_distance()
    assert is_certain(distance > LEAST_TIE_DISTANCE)
    assert is_certain(distance < 1.001 * LEAST_TIE_DISTANCE)


@pytest.mark.parametrize("step", [-1, 1])
def test_one_wrong_weight_is_found_out(step: int) -> None:
    def compute(logits: Int64Array, exponents: Int64Array) -> Int64Array:
        weights: Int64Array = compute_weights(logits, exponents) + step * (logits == -256)
        return weights

    found = prove_all_differences(compute)
    assert found["discharged"] == found["expected"] - 1


def test_weights_beyond_the_last_difference_are_zero() -> None:
    for difference in (17 * 256, LAST_DIFFERENCE, LAST_DIFFERENCE + 2, 1 << 24):
        check = STATEMENT.check(LogitBelow(np.array([float(difference)])))
        assert check.holds
        assert check.left <= 0.5


def test_logits_of_more_bits_are_refused() -> None:
    for difference in (0.0, 2.0**25):
        with pytest.raises(HypothesisError, match=r"^P-20: .*a difference of 24-bit logits$"):
            STATEMENT.check(LogitBelow(np.array([difference])))


def test_largest_error_is_certified() -> None:
    assert STATEMENT.certify(LogitBelow(np.array([470.0]))) is Verdict.HOLDS


def test_counterexamples_violate_what_they_drop() -> None:
    assert [round(found.left, 2) for found in get_counterexamples()] == [0.75, 1.0]
