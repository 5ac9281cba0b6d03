"""How many examples an expensive property draws, by day and at night."""

from __future__ import annotations

from hypothesis import settings

NIGHT_FACTOR = 20
"""Of the profiles `nightly` and `ci` (tests/conftest.py): 1,000 examples for 50."""


def examples(day: int, night: int | None = None) -> settings:
    """Decorator: `day` examples, `night` in a nightly run (20 times as many if it is not given)."""
    if settings.get_current_profile_name() != "nightly":
        return settings(max_examples=day)
    return settings(max_examples=day * NIGHT_FACTOR if night is None else night)
