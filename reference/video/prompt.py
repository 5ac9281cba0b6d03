"""Prompts of the moving-digits model: [begin, digit, velocity_x, velocity_y] as token ids.

Visual codes are 0 .. num_codes - 1; prompt tokens follow. The unconditional prompt, which
guidance needs, has the null token in place of every attribute (D-12).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reference.errors import ArgumentError
from reference.video.moving_digits import VELOCITIES

NUM_DIGITS = 10
PROMPT_TOKENS = 4
"""Tokens of a prompt."""

DIRECTIONS: dict[str, tuple[int, int]] = {
    "right": (1, 0),
    "left": (-1, 0),
    "down": (0, 1),
    "up": (0, -1),
    "right-down": (1, 1),
    "right-up": (1, -1),
    "left-down": (-1, 1),
    "left-up": (-1, -1),
}
"""Direction words and their (velocity_x, velocity_y)."""


@dataclass(frozen=True)
class Prompt:
    """What the video shall show: a digit and the velocity it starts with, patches per frame."""

    digit: int
    velocity_x: int
    velocity_y: int

    def __str__(self) -> str:
        words = {velocity: word for word, velocity in DIRECTIONS.items()}
        return f"{self.digit} {words[(self.velocity_x, self.velocity_y)]}"


def parse_prompt(text: str) -> Prompt:
    """Read a prompt such as "3 right-down".

    >>> parse_prompt("3 right-down")
    Prompt(digit=3, velocity_x=1, velocity_y=1)
    """
    limit = f"'DIGIT DIRECTION', a digit 0..9 and one of {', '.join(DIRECTIONS)}"
    match = re.fullmatch(r"\s*([0-9])\s+([a-z-]+)\s*", text)
    if match is None or match[2] not in DIRECTIONS:
        raise ArgumentError("prompt", text, limit)
    return Prompt(int(match[1]), *DIRECTIONS[match[2]])


@dataclass(frozen=True)
class PromptVocabulary:
    """Token ids of prompts behind `num_codes` visual codes."""

    num_codes: int

    @property
    def null_token(self) -> int:
        """Stands for "no attribute given"."""
        return self.num_codes

    @property
    def begin_token(self) -> int:
        """First token of every prompt."""
        return self.num_codes + 1

    @property
    def vocab_size(self) -> int:
        """Visual codes and prompt tokens together."""
        return self.num_codes + 2 + NUM_DIGITS + 2 * len(VELOCITIES)

    def encode(self, prompt: Prompt) -> list[int]:
        """Token ids [begin, digit, velocity_x, velocity_y] of a prompt.

        >>> PromptVocabulary(256).encode(parse_prompt("3 right-down"))
        [257, 261, 270, 273]
        """
        digits = self.num_codes + 2
        velocities_x = digits + NUM_DIGITS
        velocities_y = velocities_x + len(VELOCITIES)
        return [
            self.begin_token,
            digits + prompt.digit,
            velocities_x + VELOCITIES.index(prompt.velocity_x),
            velocities_y + VELOCITIES.index(prompt.velocity_y),
        ]

    def encode_unconditional(self) -> list[int]:
        """Token ids of the prompt that says nothing."""
        return [self.begin_token] + [self.null_token] * (PROMPT_TOKENS - 1)
