"""A search for violations without gradients: random instances, then a climb from the best ones.

Instances whose bound is close to what is known anyway (a total variation of 1, say) are checked
but not climbed to and not reported as the worst: there any bound looks tight.

The climb changes one array of the best instance at a time (noise at any scale, a factor, one
element, a copy of a neighbour) and keeps what raises left / right. A bound that the search cannot
approach is probably loose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Generic

import numpy as np

from fastcar.proofs.statement import Check, HypothesisError, InstanceT, Statement
from fastcar.reference.errors import ArgumentError, FastCarError

CLIMBS = 4
"""Climbs that start from different random instances."""

INFORMATIVE_SHARE = 0.75
"""A bound above this share of the trivial one is not counted as an approach."""


class AttackError(FastCarError):
    """A search that met no instance it could learn from."""


@dataclass(frozen=True)
class AttackResult(Generic[InstanceT]):
    """What a search found.

    Attributes:
        number: of the statement.
        num_cases: instances checked.
        num_violations: of them, those that violate the claim.
        worst: check of the informative instance with the highest ratio, or of a violation.
        instance: that instance.
    """

    number: str
    num_cases: int
    num_violations: int
    worst: Check
    instance: InstanceT


def attack(
    statement: Statement[InstanceT],
    rng: np.random.Generator,
    num_cases: int,
    progress: Callable[[int, int], None] | None = None,
) -> AttackResult[InstanceT]:
    """Search for the highest ratio left / right.

    Args:
        statement: what is attacked.
        rng: source of randomness.
        num_cases: instances to check, at least 1; half of them are random, half belong to climbs.
        progress: called with (cases done, cases to do).
    """
    search = _Search(statement, num_cases, progress)
    num_random = max(1, num_cases // 2)
    starts: list[tuple[float, int, InstanceT]] = []
    for _ in range(num_random):
        instance = statement.draw(rng)
        ratio = search.measure(instance)
        starts.append((ratio, len(starts), instance))
    starts.sort(key=lambda start: start[:2], reverse=True)
    starts = starts[:CLIMBS]
    for number, (ratio, _, instance) in enumerate(starts):
        limit = num_random + (num_cases - num_random) * (number + 1) // len(starts)
        step = 1.0
        while search.num_cases < limit:
            changed = perturb(instance, rng, step)
            found = search.measure(changed)
            if found > ratio:
                ratio, instance, step = found, changed, min(step * 2, 4.0)
            else:
                step = max(step * 0.97, 1e-9)
    if search.worst is None:
        raise AttackError(f"{statement.number}: no informative instance in {num_cases} cases")
    check, instance = search.worst
    return AttackResult(statement.number, search.num_cases, search.num_violations, check, instance)


class _Search(Generic[InstanceT]):
    """Counts cases and remembers the worst."""

    def __init__(
        self,
        statement: Statement[InstanceT],
        total: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.statement = statement
        self.total = total
        self.progress = progress
        self.num_cases = 0
        self.num_violations = 0
        self.worst: tuple[Check, InstanceT] | None = None

    def measure(self, instance: InstanceT) -> float:
        """Ratio of an instance; -1 where it is not informative or no instance of the statement."""
        self.num_cases += 1
        if self.progress is not None:
            self.progress(self.num_cases, self.total)
        try:
            check = self.statement.check(instance)
        except HypothesisError:
            return -1.0
        self.num_violations += not check.holds
        if check.holds and check.right > INFORMATIVE_SHARE * check.trivial:
            return -1.0
        if self.worst is None or check.ratio > self.worst[0].ratio:
            self.worst = check, instance
        return check.ratio


def perturb(instance: InstanceT, rng: np.random.Generator, step: float) -> InstanceT:
    """A changed copy: one float array of the instance, nested ones included, is moved.

    Args:
        instance: a dataclass whose float arrays may change; everything else stays.
        rng: source of randomness.
        step: size of the change relative to the array.
    """
    names = _get_movable(instance)
    if not names:
        return instance
    name = names[rng.integers(len(names))]
    part = getattr(instance, name)
    move: Any = _move if isinstance(part, np.ndarray) else perturb
    moved = move(part, rng, step)
    try:
        changed: InstanceT = replace(instance, **{name: moved})  # type: ignore[type-var]
    except ArgumentError:
        return instance  # a constant that its own class refuses, a scale below 0
    return changed


def _get_movable(instance: object) -> list[str]:
    assert is_dataclass(instance)
    movable = []
    for field in fields(instance):
        part = getattr(instance, field.name)
        is_float = isinstance(part, np.ndarray) and np.issubdtype(part.dtype, np.floating)
        if (is_float and part.size) or (is_dataclass(part) and _get_movable(part)):
            movable.append(field.name)
    return movable


def _move(array: np.ndarray[Any, Any], rng: np.random.Generator, step: float) -> Any:
    scale = float(np.sqrt(np.mean(array**2))) or 1.0
    kind = rng.integers(4)
    if kind == 0:
        return array + step * scale * rng.standard_normal(array.shape)
    if kind == 1:
        return array * np.exp(step * rng.standard_normal())
    moved = array.copy()
    place = tuple(rng.integers(size) for size in array.shape)
    if kind == 2:
        moved[place] += step * scale * rng.standard_normal()
    else:
        moved[place] = moved[tuple(rng.integers(size) for size in array.shape)]
    return moved
