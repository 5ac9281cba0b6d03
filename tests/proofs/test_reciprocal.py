"""P-21: the reciprocal for every divisor, with the bits that the sum drops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.reciprocal import (
    ABOVE,
    BELOW,
    STATEMENT,
    WeightSum,
    compute_extremes,
    draw,
    get_divisors,
    prove_all_divisors,
)
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.arrays import Int64Array
from fastcar.reference.integer.whole.context import compute_reciprocal
from tests.examples import examples
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search

ALL = dict.fromkeys(("expected", "found", "discharged"), 1 << 17)

sums = st.integers(0, 2**32 - 1).map(lambda seed: draw(np.random.default_rng(seed)))


@attack_settings()
@given(sums)
def test_no_attack_violates_the_claim(weights: WeightSum) -> None:
    attack_once(STATEMENT, weights)


@examples(50)
@given(sums)
def test_rounding_is_as_derived(weights: WeightSum) -> None:
    check_rounding(STATEMENT, weights)


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 500, 0.98)


def test_every_divisor_of_every_length_meets_the_claim() -> None:
    assert prove_all_divisors() == ALL


@pytest.mark.parametrize("step", [-1, 1])
@pytest.mark.parametrize("length", [27, 40])
def test_one_wrong_reciprocal_is_found_out(step: int, length: int) -> None:
    def compute(total: Int64Array) -> tuple[Int64Array, Int64Array]:
        reciprocals, lengths = compute_reciprocal(total)
        if lengths[0] == length:
            reciprocals[70_000] += step
        return reciprocals, lengths

    assert prove_all_divisors(compute) == {**ALL, "discharged": (1 << 17) - 1}


def test_numerator_of_34_bits_is_found_out() -> None:
    def compute(total: Int64Array) -> tuple[Int64Array, Int64Array]:
        _, lengths = compute_reciprocal(total)
        return (1 << 33) // (total >> (lengths - 18)), lengths

    assert prove_all_divisors(compute)["discharged"] < 1 << 17


def test_limits_of_both_sides_are_nearly_reached() -> None:
    below, above = compute_extremes()
    assert 0.99 * BELOW < below.max() * 2.0**-33 <= BELOW
    assert 0.9999 * ABOVE < above.max() * 2.0**-33 <= ABOVE
    assert (below == get_divisors()).any()  # the limit S' 2^-33 is met


def test_error_of_the_largest_dropped_rest_is_certified() -> None:
    weights = WeightSum(np.array([131_075.0 * 2**22 - 1]))  # S' = 2^17 + 2 and every bit below
    check = STATEMENT.check(weights)
    assert 0.9999 * ABOVE < check.left <= ABOVE
    assert STATEMENT.certify(weights) is Verdict.HOLDS


@pytest.mark.parametrize("total", [2.0**26 - 1, 2.0**40])
def test_sums_outside_the_range_are_refused(total: float) -> None:
    with pytest.raises(HypothesisError, match=r"a sum from 2\^26 to below 2\^40$"):
        STATEMENT.check(WeightSum(np.array([total])))
