"""A number that was to be reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tools.markdown import format_table


@dataclass(frozen=True)
class Target:
    """One number to reach.

    Attributes:
        claim: what is measured and where.
        found: measured; None where it was not.
        limit: to reach.
        is_upper: whether the number is to stay at or below the limit.
        unit: behind both numbers.
    """

    claim: str
    found: float | None
    limit: float
    is_upper: bool = False
    unit: str = "x"

    @property
    def verdict(self) -> str:
        """Met, not met or not measured."""
        if self.found is None:
            return "not measured"
        is_met = self.found <= self.limit if self.is_upper else self.found >= self.limit
        return "met" if is_met else "not met"


def format_target_table(targets: Iterable[Target]) -> str:
    """Table of targets."""
    lines = [
        [
            target.claim,
            "-" if target.found is None else _format(target.found, target.unit),
            f"{'at most' if target.is_upper else 'at least'} {_format(target.limit, target.unit)}",
            target.verdict,
        ]
        for target in targets
    ]
    return format_table(["target", "found", "asked", "verdict"], lines)


def _format(value: float, unit: str) -> str:
    if unit == "%":
        return f"{value:.1f}%"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}{unit}"
