"""Prompts that ask for every digit equally often, and those of recorded clips."""

from __future__ import annotations

from collections.abc import Sequence

from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.prompt import DIRECTIONS, NUM_DIGITS, Prompt


def make_prompts(videos_per_digit: int, first_direction: int = 0) -> tuple[Prompt, ...]:
    """The same number of videos of every digit, directions dealt in turn."""
    velocities = list(DIRECTIONS.values())
    return tuple(
        Prompt(digit, *velocities[(first_direction + digit + index) % len(velocities)])
        for digit in range(NUM_DIGITS)
        for index in range(videos_per_digit)
    )


def require_prompts(prompts: Sequence[Prompt | None]) -> tuple[Prompt, ...]:
    """The same prompts, of a model that takes some.

    Raises:
        ArgumentError: one that says nothing.
    """
    found = tuple(prompt for prompt in prompts if prompt is not None)
    if len(found) != len(prompts):
        raise ArgumentError("prompts", None, "those of a model of moving digits")
    return found
