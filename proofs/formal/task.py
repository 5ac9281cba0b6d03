"""What is to be proven: design, checker, method, and how many obligations there must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from fastcar.reference.errors import ArgumentError

DEFAULT_LIMIT_SECONDS = 600

INVARIANT_PREFIX = "invariant_"
"""Label of an assertion, on one line of a checker, that is no claim but carries an induction."""
_OBLIGATION = re.compile(r"\b\w+: (assert|assume|cover) ?\(")


class Method(Enum):
    """How assertions are checked; covers are always searched for from reset."""

    BMC = "bounded"
    """All runs of `depth_cycles` cycles from the initial states."""
    INDUCTION = "k-induction"
    """All runs: base case, and a step from `depth_cycles` cycles in which the claims hold."""


@dataclass(frozen=True)
class PlantedBug:
    """A design with a bug that the task's assertions must find.

    Attributes:
        name: what is wrong, in words.
        make_design: its Verilog.
        depth_cycles: runs from the initial states that are searched.
    """

    name: str
    make_design: Callable[[], str]
    depth_cycles: int = 16


@dataclass(frozen=True)
class FormalTask:
    """One proof about one design in one configuration.

    Attributes:
        name: unit, property and sizes, unique.
        claim: what is proven, one sentence.
        configuration: sizes, as a reader of a table wants them.
        make_design: Verilog of the design; called once.
        design_top: its module.
        checker: SystemVerilog; its module `top` instantiates `design_top`, named `design`.
        top: module of the checker.
        method: how.
        depth_cycles: of the bounded search, or k of the induction.
        num_assertions: that must reach the solver.
        num_assumptions: likewise.
        num_covers: likewise; at least one wherever something is assumed.
        cover_depth_cycles: runs in which every cover must be reached.
        free: wires of the design that are cut from what drives them; inputs of the module then,
            by the same name, that may take any value.
        visible: inner wires of the design that become outputs of the module, by the same name.
        memories: of the design, with their numbers of words, that become registers; word i is a
            wire `<memory>_<i>` then, which may be made visible.
        bugs: each must be refuted.
        shown: signals of the counterexamples' tables, in order; names as in the checker, wires of
            the design with the prefix `design.`; none shows everything at the top.
        argument: why the bound suffices, or what the induction rests on.
        is_quick: part of the quick set.
        limit_seconds: for each call of the solver.
        solver: z3, or bitwuzla, which decides multiplications that z3 does not.
    """

    name: str
    claim: str
    configuration: str
    make_design: Callable[[], str]
    design_top: str
    checker: str
    top: str
    method: Method
    depth_cycles: int
    num_assertions: int
    num_assumptions: int = 0
    num_covers: int = 0
    cover_depth_cycles: int = 20
    free: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()
    memories: tuple[tuple[str, int], ...] = ()
    bugs: tuple[PlantedBug, ...] = ()
    shown: tuple[str, ...] = ()
    argument: str = ""
    is_quick: bool = False
    limit_seconds: float = DEFAULT_LIMIT_SECONDS
    solver: str = "z3"

    def __post_init__(self) -> None:
        for argument in ("depth_cycles", "num_assertions"):
            if getattr(self, argument) < 1:
                raise ArgumentError(argument, getattr(self, argument), "at least 1")
        if self.num_assumptions and not self.num_covers:
            raise ArgumentError("num_covers", 0, "at least 1 where something is assumed")


def count_obligations(checker: str) -> dict[str, int]:
    """Labelled assertions, assumptions and covers in the text of a checker.

    >>> count_obligations("  narrow: assert (a < 8);")
    {'assert': 1, 'assume': 0, 'cover': 0}
    """
    kinds = _OBLIGATION.findall(checker)
    return {kind: kinds.count(kind) for kind in ("assert", "assume", "cover")}
