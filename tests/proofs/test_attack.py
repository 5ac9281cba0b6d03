"""The search finds violations where there are some, and counts what it did."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from fastcar.proofs.arithmetic import Array
from fastcar.proofs.attack import AttackError, attack, perturb
from fastcar.proofs.softmax import STATEMENT, LogitPair
from fastcar.proofs.statement import Hypothesis, Sides, Statement
from fastcar.reference.errors import ArgumentError


def weaken(factor: float) -> Statement[LogitPair]:
    """P-01 with a bound that is too small by a factor, so a false claim."""

    def compute_sides(pair: LogitPair) -> Sides:
        sides = STATEMENT.compute_sides(pair)
        return replace(sides, right=sides.right * factor)

    return replace(STATEMENT, compute_sides=compute_sides)


@pytest.mark.parametrize("factor", [0.5, 0.9, 0.99])
def test_a_false_statement_is_found_out(factor: float) -> None:
    found = attack(weaken(factor), np.random.default_rng(0), 2_000)
    assert found.num_violations > 0
    assert not found.worst.holds
    assert found.worst.ratio > 1
    assert not weaken(factor).check(found.instance).holds


def test_the_worst_instance_gives_the_ratio_that_is_told() -> None:
    found = attack(STATEMENT, np.random.default_rng(1), 200)
    assert STATEMENT.check(found.instance) == found.worst


def test_a_climb_gets_higher_than_chance() -> None:
    def leave_random(rng: np.random.Generator) -> LogitPair:
        x = rng.standard_normal(6)
        return LogitPair(x, x + 0.5 * rng.standard_normal(6))

    statement = replace(STATEMENT, draw=leave_random)
    rng = np.random.default_rng(2)
    random = max(statement.check(leave_random(rng)).ratio for _ in range(2_000))
    found = attack(statement, np.random.default_rng(2), 2_000)
    assert found.worst.ratio > random + 0.5 * (1 - random)


@pytest.mark.parametrize("num_cases", [1, 2, 7, 100, 1001])
def test_the_number_of_cases_is_kept_and_told(num_cases: int) -> None:
    calls: list[tuple[int, int]] = []
    statement = replace(STATEMENT, draw=lambda rng: LogitPair(np.zeros(2), rng.random(2) / 10))
    found = attack(statement, np.random.default_rng(0), num_cases, lambda *call: calls.append(call))
    assert found.num_cases == num_cases
    assert calls == [(done, num_cases) for done in range(1, num_cases + 1)]


def test_the_seed_decides() -> None:
    ratios = [attack(STATEMENT, np.random.default_rng(s), 100).worst.ratio for s in (0, 0, 1)]
    assert ratios[0] == ratios[1] != ratios[2]


def test_instances_outside_the_hypotheses_are_no_violations() -> None:
    never = Hypothesis[LogitPair]("never", lambda pair: False)
    statement = replace(weaken(0.5), hypotheses=(never,))
    with pytest.raises(AttackError, match=r"^P-01: no informative instance in 50 cases$"):
        attack(statement, np.random.default_rng(0), 50)


def test_a_vacuous_bound_is_no_approach() -> None:
    far = LogitPair(np.array([1e3, -1e3]), np.array([-1e3, 1e3]))
    statement = replace(STATEMENT, draw=lambda rng: far)
    with pytest.raises(AttackError, match="no informative instance"):
        attack(statement, np.random.default_rng(0), 1)


def test_a_violation_is_found_where_the_bound_is_vacuous_too() -> None:
    def compute_sides(pair: LogitPair) -> Sides:
        return Sides(2.0, 1.0, trivial=1.0)

    found = attack(replace(STATEMENT, compute_sides=compute_sides), np.random.default_rng(0), 10)
    assert found.num_violations == 10


@dataclass(frozen=True)
class Nested:
    """An instance with parts of every kind."""

    pair: LogitPair
    matrix: Array
    flags: Array
    count: int


def test_only_float_arrays_are_moved_and_the_instance_stays() -> None:
    pair = LogitPair(np.zeros(3), np.ones(3))
    nested = Nested(pair, np.ones((2, 2)), np.array([True, False]), 3)
    rng = np.random.default_rng(0)
    moved = [perturb(nested, rng, 1.0) for _ in range(60)]
    assert all(np.array_equal(other.flags, nested.flags) for other in moved)
    assert {other.count for other in moved} == {3}
    assert all(other.matrix.shape == (2, 2) for other in moved)
    assert any(other.pair.x.any() for other in moved)
    assert any((other.pair.y != 1).any() for other in moved)
    assert any((other.matrix != 1).any() for other in moved)
    assert nested.pair.x.tolist() == [0, 0, 0]
    assert nested.matrix.tolist() == [[1, 1], [1, 1]]


def test_an_instance_without_float_arrays_stays() -> None:
    @dataclass(frozen=True)
    class Counts:
        flags: Array

    counts = Counts(np.array([1, 2]))
    assert perturb(counts, np.random.default_rng(0), 1.0) is counts


@dataclass(frozen=True)
class Positive:
    """Refuses what is not above 0, as the scales of integers do."""

    scales: Array

    def __post_init__(self) -> None:
        if not (self.scales > 0).all():
            raise ArgumentError("scales", self.scales, "above 0")


def test_a_move_to_what_is_refused_is_no_move() -> None:
    instance, rng = Positive(np.ones(3)), np.random.default_rng(0)
    moved = [perturb(instance, rng, step=4.0) for _ in range(100)]
    refused = [one for one in moved if one is instance]
    assert 10 < len(refused) < 90
    assert all((one.scales > 0).all() for one in moved)
