"""A counterexample as a table of named signals by cycle, read from the solver's wave file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fastcar.reference.errors import ArgumentError

CYCLE_TICKS = 10
"""Ticks of the wave file in one cycle."""

_VARIABLE = re.compile(r"\$var wire \d+ (\S+) (\S+)(?: \[\S+\])? \$end")
_SCOPE = re.compile(r"\$scope module (\S+) \$end")


@dataclass(frozen=True)
class Counterexample:
    """One run from its first cycle to the one in which a claim is broken.

    Attributes:
        signals: name and value in each cycle; None where the solver left it open.
    """

    signals: dict[str, tuple[int | None, ...]]

    @property
    def num_cycles(self) -> int:
        """Length of the run."""
        return max(map(len, self.signals.values()), default=0)

    def select(self, names: Sequence[str]) -> Counterexample:
        """Only these signals, in this order; all at the top if none is named.

        Raises:
            ArgumentError: no signal of that name.
        """
        chosen = names or [name for name in self.signals if "." not in name and name != "clk"]
        for name in chosen:
            if name not in self.signals:
                raise ArgumentError("shown", name, "a signal of the checked design")
        return Counterexample({name: self.signals[name] for name in chosen})

    def format_table(self) -> str:
        """One line for each signal, one column for each cycle; values hexadecimal.

        >>> print(Counterexample({"valid": (0, 1), "slot": (None, 18)}).format_table())
        cycle  0   1
        valid  0   1
        slot   -  12
        """
        rows = [["cycle", *(str(cycle) for cycle in range(self.num_cycles))]]
        for name, values in self.signals.items():
            cells = ["-" if value is None else f"{value:x}" for value in values]
            rows.append([name.removeprefix("design."), *cells])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(_format_row(row, widths) for row in rows)


def _format_row(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *cells])


def read_counterexample(text: str) -> Counterexample:
    """Parse a wave file (VCD) of yosys-smtbmc; names below its top module have their path."""
    header, _, body = text.partition("$enddefinitions $end")
    names = _read_names(header)
    current: dict[str, int | None] = dict.fromkeys(names)
    cycles: list[dict[str, int | None]] = []
    tick = 0
    for line in body.split("\n"):
        if line.startswith("#"):
            tick = int(line[1:])
            if tick % CYCLE_TICKS == CYCLE_TICKS // 2:
                cycles.append(dict(current))
        elif line.startswith("b"):
            value, _, key = line[1:].partition(" ")
            current[key] = int(value, 2) if set(value) <= {"0", "1"} else None
    return Counterexample(
        {name: tuple(cycle[key] for cycle in cycles) for key, name in names.items()}
    )


def _read_names(header: str) -> dict[str, str]:
    """Path of each signal by its key, the top module left out."""
    scopes: list[str] = []
    names = {}
    for line in header.split("\n"):
        if scope := _SCOPE.match(line):
            scopes.append(scope[1])
        elif line.startswith("$upscope"):
            scopes.pop()
        elif variable := _VARIABLE.match(line):
            names[variable[1]] = ".".join([*scopes[1:], variable[2]])
    return names
