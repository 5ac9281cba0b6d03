"""What a statement is: hypotheses and a claim left <= right, to be run, attacked and certified.

A statement has one file. Its docstring holds claim and proof; its `STATEMENT` knows how to compute
both sides of the claim for an instance. The same text computes in float64 and in balls
(`fastcar.proofs.arithmetic`), so nothing is written twice:

- `check` computes in float64. Its verdict allows for `rounding`, a derived limit on what rounding
  did to the two sides, and for nothing else.
- `certify` takes the float inputs as exact rationals and computes in balls: "holds" is then a proof
  for this instance, and what the balls cannot tell apart is "undecided".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

import numpy as np

from fastcar.proofs.arithmetic import Scalar, is_certain, to_balls, to_float
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.reference.errors import FastCarError

InstanceT = TypeVar("InstanceT")

UNIT_ROUNDOFF = 2.0**-53
"""u of float64: every operation is off by at most the factor 1 + u, underflow aside."""


class HypothesisError(FastCarError):
    """An instance does not meet a hypothesis of a statement, so the statement says nothing."""

    def __init__(self, number: str, hypothesis: str) -> None:
        self.number = number
        self.hypothesis = hypothesis
        super().__init__(f"{number}: hypothesis violated: {hypothesis}")


class Verdict(Enum):
    """What balls prove about an instance."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Sides:
    """Both sides of a claim left <= right, floats or balls.

    Attributes:
        left: what is bounded.
        right: the bound.
        is_right_exact: False where `right` is itself a lower limit of the bound (a norm or a
            diameter seen at a witness only); then balls may prove that the claim holds, never that
            it is violated.
        trivial: what bounds `left` without the statement (total variation is at most 1, a
            difference at most the sum of the norms); a bound above it says nothing.
    """

    left: Scalar
    right: Scalar
    is_right_exact: bool = True
    trivial: Scalar = math.inf


@dataclass(frozen=True)
class Check:
    """Outcome of a check in float64.

    Attributes:
        number: of the statement.
        left: what is bounded.
        right: the bound.
        rounding: derived limit on the error of right - left; the only tolerance there is.
        trivial: what bounds `left` without the statement.
        hypotheses: names of those that held (all of them: a violated one is an error).
    """

    number: str
    left: float
    right: float
    rounding: float
    trivial: float
    hypotheses: tuple[str, ...]

    @property
    def slack(self) -> float:
        """right - left."""
        return self.right - self.left

    @property
    def ratio(self) -> float:
        """left / (right + rounding): 1 is tight, above 1 is a violation."""
        limit = self.right + self.rounding
        return self.left / limit if limit > 0 else 0.0 if self.left <= 0 else math.inf

    @property
    def is_vacuous(self) -> bool:
        """Whether the bound says no more than is known without it."""
        return self.right >= self.trivial

    @property
    def holds(self) -> bool:
        """Whether left <= right can be told from a violation."""
        return bool(self.left <= self.right + self.rounding)


@dataclass(frozen=True)
class Hypothesis(Generic[InstanceT]):
    """A condition on instances.

    Attributes:
        name: short, as it is listed.
        holds: True only where it certainly holds; works on floats and on balls.
    """

    name: str
    holds: Callable[[InstanceT], bool]


@dataclass(frozen=True)
class Statement(Generic[InstanceT]):
    """A claim about instances of one type.

    Attributes:
        number: P-01, P-02, ...
        title: one line.
        source: "paper" (an idea of arXiv:2505.14709v1, our constants) or "ours".
        hypotheses: conditions under which the claim is made.
        compute_sides: both sides, in the arithmetic of the instance's arrays.
        compute_rounding: limit on the error that float64 makes in right - left; its docstring
            derives it.
        draw: a random instance that meets the hypotheses, at any scale.
        draw_decoded: an instance from a seeded choice among decoded tokens.
        looseness: why the bound is loose; shown where measurement finds it so.
        max_instances: most instances that are checked where each takes seconds.
        max_certified: most instances that are certified where a ball computation takes long.
        has_counterexamples: whether `proofs/counterexamples/` has a file that drops a hypothesis;
            what is about whole numbers has none.
        count_obligations: for what is not certified instance by instance but proved for all
            instances: obligations that are `expected`, `found` and `discharged`.
    """

    number: str
    title: str
    source: str
    hypotheses: tuple[Hypothesis[InstanceT], ...]
    compute_sides: Callable[[InstanceT], Sides]
    compute_rounding: Callable[[InstanceT], float]
    draw: Callable[[np.random.Generator], InstanceT]
    draw_decoded: Callable[[DecodedPair, np.random.Generator], InstanceT]
    looseness: str = ""
    max_instances: int | None = None
    max_certified: int | None = None
    has_counterexamples: bool = True
    count_obligations: Callable[[], dict[str, int]] | None = None

    def check(self, instance: InstanceT) -> Check:
        """Compare both sides in float64.

        Raises:
            HypothesisError: a hypothesis does not hold.
        """
        self.check_hypotheses(instance)
        sides = self.compute_sides(instance)
        names = tuple(hypothesis.name for hypothesis in self.hypotheses)
        return Check(
            self.number,
            to_float(sides.left),
            to_float(sides.right),
            self.compute_rounding(instance),
            to_float(sides.trivial),
            names,
        )

    def certify(self, instance: InstanceT) -> Verdict:
        """Compare both sides in balls around the exact values; needs python-flint.

        Raises:
            HypothesisError: a hypothesis does not hold.
        """
        self.check_hypotheses(instance)
        balls = to_balls(instance)
        if not all(hypothesis.holds(balls) for hypothesis in self.hypotheses):
            return Verdict.UNDECIDED
        sides = self.compute_sides(balls)
        if is_certain(sides.left <= sides.right):
            return Verdict.HOLDS
        if sides.is_right_exact and is_certain(sides.left > sides.right):
            return Verdict.VIOLATED
        return Verdict.UNDECIDED

    def check_hypotheses(self, instance: InstanceT) -> None:
        """Raise HypothesisError for the first hypothesis that does not hold."""
        for hypothesis in self.hypotheses:
            if not hypothesis.holds(instance):
                raise HypothesisError(self.number, hypothesis.name)


def make_finite_hypothesis(*names: str) -> Hypothesis[Any]:
    """All numbers of the named arrays are finite; balls are finite when their floats were."""

    def holds(instance: object) -> bool:
        arrays = (np.asarray(getattr(instance, name)) for name in names)
        return all(array.dtype == object or bool(np.isfinite(array).all()) for array in arrays)

    return Hypothesis(f"finite {', '.join(names)}", holds)
