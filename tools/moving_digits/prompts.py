"""Prompts that ask for every digit equally often."""

from __future__ import annotations

from fastcar.reference.video.prompt import DIRECTIONS, NUM_DIGITS, Prompt


def make_prompts(videos_per_digit: int, first_direction: int = 0) -> tuple[Prompt, ...]:
    """The same number of videos of every digit, directions dealt in turn."""
    velocities = list(DIRECTIONS.values())
    return tuple(
        Prompt(digit, *velocities[(first_direction + digit + index) % len(velocities)])
        for digit in range(NUM_DIGITS)
        for index in range(videos_per_digit)
    )
