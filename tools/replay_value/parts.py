"""What is measured and kept on its own: the dense run, every budget, and every contender."""

from __future__ import annotations

from typing import Any

from tools.replay_value.budgets import measure_budget
from tools.replay_value.contenders import Contender
from tools.replay_value.measure import Settings, measure_contender, measure_dense

Part = Contender | float | None
"""A contender, a budget, or None = the dense run."""


def name_part(part: Part) -> str:
    """The name of its file.

    >>> name_part(None), name_part(0.35)
    ('dense', 'budget-35')
    """
    if isinstance(part, Contender):
        return part.name
    return "dense" if part is None else f"budget-{100 * part:.0f}"


def measure_part(name: str, settings: Settings, part: Part) -> Any:
    """One part on one set of clips."""
    if isinstance(part, Contender):
        return measure_contender(name, settings, part)
    if part is None:
        return measure_dense(name, settings)
    return measure_budget(name, settings, part)
