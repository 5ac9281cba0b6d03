"""An instance that violates a claim whose hypothesis was dropped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counterexample:
    """Numbers that show why a hypothesis is needed.

    Attributes:
        number: statement whose claim fails.
        dropped: hypothesis or term that is left out.
        instance: the numbers, in words short enough for a table.
        left: what the claim would bound.
        right: what the claim without the hypothesis says; below `left`.
    """

    number: str
    dropped: str
    instance: str
    left: float
    right: float
