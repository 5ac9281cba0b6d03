"""Verdicts say no more than was computed: what balls cannot tell apart never holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from fastcar.proofs.arithmetic import Array, Scalar, get_maximum
from fastcar.proofs.statement import (
    Check,
    Hypothesis,
    HypothesisError,
    Sides,
    Statement,
    Verdict,
    make_finite_hypothesis,
)


@dataclass(frozen=True)
class Number:
    """A single number [1]."""

    x: Array


def make_statement(
    compute_sides: Callable[[Number], Sides],
    rounding: float = 0.0,
    hypotheses: tuple[Hypothesis[Number], ...] = (make_finite_hypothesis("x"),),
) -> Statement[Number]:
    """A statement about one number."""
    return Statement(
        number="P-99",
        title="test",
        source="ours",
        hypotheses=hypotheses,
        compute_sides=compute_sides,
        compute_rounding=lambda instance: rounding,
        draw=lambda rng: Number(rng.standard_normal(1)),
        draw_decoded=lambda pair, rng: Number(rng.standard_normal(1)),
    )


def make_number(x: float) -> Number:
    """The instance of a number."""
    return Number(np.array([x]))


def compare(left: Scalar, right: Scalar, is_right_exact: bool = True) -> Statement[Number]:
    """left + x <= right + x: x makes both sides balls and changes nothing."""
    return make_statement(
        lambda instance: Sides(left + instance.x[0], right + instance.x[0], is_right_exact)
    )


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [(1.0, 2.0, Verdict.HOLDS), (2.0, 1.0, Verdict.VIOLATED), (1.0, 1.0, Verdict.HOLDS)],
)
def test_balls_decide_exact_numbers(left: float, right: float, verdict: Verdict) -> None:
    assert compare(left, right).certify(make_number(0.25)) is verdict


@pytest.mark.parametrize("is_reversed", [False, True])
def test_overlapping_balls_are_undecided(is_reversed: bool) -> None:
    def compute_sides(instance: Number) -> Sides:
        x = np.exp(instance.x)[0]
        wide = x * 3 / 3
        return Sides(wide, x) if is_reversed else Sides(x, wide)

    assert make_statement(compute_sides).certify(make_number(0.3)) is Verdict.UNDECIDED


def test_a_witness_on_the_right_never_proves_a_violation() -> None:
    statement = compare(2.0, 1.0, is_right_exact=False)
    assert statement.certify(make_number(0.0)) is Verdict.UNDECIDED
    assert compare(1.0, 2.0, is_right_exact=False).certify(make_number(0.0)) is Verdict.HOLDS


def test_a_side_without_finite_radius_is_undecided() -> None:
    statement = make_statement(lambda instance: Sides(1 / (instance.x[0] - instance.x[0]), 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        assert statement.certify(make_number(0.5)) is Verdict.UNDECIDED


def test_a_hypothesis_that_balls_cannot_tell_is_undecided() -> None:
    def is_square_root_of_two(instance: Number) -> bool:
        root = np.sqrt(instance.x)[0]
        return bool(root * root <= instance.x[0]) or not hasattr(root, "mid")

    hypothesis = Hypothesis("sqrt(x)^2 <= x", is_square_root_of_two)
    statement = make_statement(lambda instance: Sides(0.0, instance.x[0]), hypotheses=(hypothesis,))
    assert statement.check(make_number(2.0)).holds
    assert statement.certify(make_number(2.0)) is Verdict.UNDECIDED


def test_a_violated_hypothesis_is_an_error_with_its_name() -> None:
    positive = Hypothesis[Number]("x > 0", lambda instance: bool(get_maximum(instance.x) > 0))
    statement = make_statement(lambda instance: Sides(0.0, 1.0), hypotheses=(positive,))
    for use in (statement.check, statement.certify):
        with pytest.raises(HypothesisError, match=r"^P-99: hypothesis violated: x > 0$"):
            use(make_number(-1.0))
    assert statement.check(make_number(1.0)).hypotheses == ("x > 0",)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(HypothesisError, match=r"^P-99: hypothesis violated: finite x$"):
        compare(1.0, 2.0).check(make_number(bad))


def test_rounding_is_the_only_tolerance() -> None:
    def make(rounding: float) -> Statement[Number]:
        return make_statement(lambda instance: Sides(1.0 + 1e-9, 1.0), rounding)

    assert not make(0.0).check(make_number(0.0)).holds
    assert not make(0.9e-9).check(make_number(0.0)).holds
    assert make(1.1e-9).check(make_number(0.0)).holds


def make_check(left: float, right: float, trivial: float = math.inf) -> Check:
    """A check without rounding."""
    return Check("P-99", left, right, 0.0, trivial, ())


def test_ratio_and_slack() -> None:
    assert make_check(1.0, 2.0).ratio == 0.5
    assert make_check(1.0, 2.0).slack == 1.0
    assert make_check(0.0, 0.0).ratio == 0.0
    assert make_check(1.0, 0.0).ratio == math.inf
    assert make_check(-1.0, -2.0).ratio == 0.0
    assert not make_check(-1.0, -2.0).holds


@pytest.mark.parametrize("left", [math.nan, math.inf])
def test_a_side_that_is_no_number_does_not_hold(left: float) -> None:
    assert not make_check(left, 1.0).holds


def test_vacuous_is_a_bound_that_adds_nothing() -> None:
    assert make_check(0.5, 1.0, trivial=1.0).is_vacuous
    assert not make_check(0.5, 0.9, trivial=1.0).is_vacuous
