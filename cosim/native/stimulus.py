"""A cycle for each value of the inputs, and a table of what was not expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

import pyrtl

Inputs = Mapping[str, Sequence[int | str]]
"""Values for every cycle, by name; digits of a string are values of one digit."""


class Steppable(Protocol):
    """A simulation."""

    def step(self, provided_inputs: Mapping[pyrtl.WireVector | str, int] | None = None) -> None:
        """One cycle."""

    def inspect(self, w: pyrtl.WireVector | str) -> int:
        """The value of a wire."""


@dataclass(frozen=True)
class Difference:
    """A wire that was not what it should be."""

    cycle: int
    name: str
    expected: int
    actual: int


def step_through(
    simulation: Steppable,
    inputs: Inputs,
    expected: Inputs,
    nsteps: int | None,
    file: TextIO | None,
    stop_after_first_error: bool,
) -> None:
    """As `pyrtl.Simulation.step_multiple`; differences are printed in its table.

    Raises:
        pyrtl.PyrtlError: the number of cycles is not given, below 1, or more than there are values.
    """
    num_steps = count_steps(inputs, expected, nsteps)
    differences: list[Difference] = []
    for cycle in range(num_steps):
        simulation.step({name: int(values[cycle]) for name, values in inputs.items()})
        differences += _compare(simulation, expected, cycle)
        if differences and stop_after_first_error:
            break
    if differences:
        _print(differences, file, stop_after_first_error)


def count_steps(inputs: Inputs, expected: Inputs, nsteps: int | None) -> int:
    """How many cycles there are values for.

    Raises:
        pyrtl.PyrtlError: no number, one below 1, or too few values for it.
    """
    if not nsteps and not inputs:
        raise pyrtl.PyrtlError("nsteps: it must be given where no input is")
    num_steps = nsteps or max(len(values) for values in inputs.values())
    if num_steps < 1:
        raise pyrtl.PyrtlError(f"nsteps = {num_steps}: at least 1")
    for name, values in (*inputs.items(), *expected.items()):
        if len(values) < num_steps:
            raise pyrtl.PyrtlError(f'"{name}" has {len(values)} values for {num_steps} cycles')
    return num_steps


def _compare(simulation: Steppable, expected: Inputs, cycle: int) -> list[Difference]:
    """Of one cycle; `?` fits everything."""
    found = []
    for name, values in expected.items():
        if values[cycle] != "?":
            difference = Difference(cycle, name, int(values[cycle]), simulation.inspect(name))
            found += [difference] if difference.expected != difference.actual else []
    return found


def _print(differences: Sequence[Difference], file: TextIO | None, is_first_only: bool) -> None:
    where = "(stopped after step with first error)" if is_first_only else "on one or more steps"
    print(f"Unexpected output {where}:", file=file)
    print(f"{'step':>5} {'name':>10} {'expected':>8} {'actual':>8}", file=file)
    for one in sorted(differences, key=lambda one: (one.cycle, one.name)):
        print(f"{one.cycle:>5} {one.name:>10} {one.expected:>8} {one.actual:>8}", file=file)
