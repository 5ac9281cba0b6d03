"""Prompts of the moving-digits model, as text and as token ids.

A model whose prompt says nothing has another vocabulary, `fastcar.reference.video.vocabulary`.

Token ids are [begin, digit, velocity_x, velocity_y, start_x, start_y]. Visual codes are
0 .. num_codes - 1; prompt tokens follow. An attribute that is not given has the null token; the
unconditional prompt, which guidance needs, gives none (D-12).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.moving_digits import VELOCITIES

NUM_DIGITS = 10
PROMPT_TOKENS = 6
"""Tokens of a prompt that has attributes."""

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
    """What the video shall show.

    Attributes:
        digit: 0 to 9.
        velocity_x: patches per frame in the first step, columns.
        velocity_y: patches per frame in the first step, rows.
        start_x: column of the digit's first place, patches; None = not said.
        start_y: row of it; given if and only if start_x is.

    Raises:
        ArgumentError: another digit, a digit that stands still, one start place without the other.
    """

    digit: int
    velocity_x: int
    velocity_y: int
    start_x: int | None = None
    start_y: int | None = None

    def __post_init__(self) -> None:
        if self.digit not in range(NUM_DIGITS):
            raise ArgumentError("digit", self.digit, f"in [0, {NUM_DIGITS})")
        velocity = self.velocity_x, self.velocity_y
        if velocity not in DIRECTIONS.values():
            limit = f"two of {VELOCITIES}, not both 0"
            raise ArgumentError("velocity_x, velocity_y", velocity, limit)
        if (self.start_x is None) != (self.start_y is None):
            places = self.start_x, self.start_y
            raise ArgumentError("start_x, start_y", places, "both given or neither")

    def __str__(self) -> str:
        words = {velocity: word for word, velocity in DIRECTIONS.items()}
        text = f"{self.digit} {words[(self.velocity_x, self.velocity_y)]}"
        return text if self.start_x is None else f"{text} from {self.start_x},{self.start_y}"


def parse_prompt(text: str) -> Prompt:
    """Read a prompt such as "3 right-down" or "3 right-down from 0,4" (column, row).

    >>> parse_prompt("3 right-down from 0,4")
    Prompt(digit=3, velocity_x=1, velocity_y=1, start_x=0, start_y=4)
    """
    limit = f"'DIGIT DIRECTION [from X,Y]', a digit 0..9 and one of {', '.join(DIRECTIONS)}"
    match = re.fullmatch(r"\s*([0-9])\s+([a-z-]+)(?:\s+from\s+([0-9]),([0-9]))?\s*", text)
    if match is None or match[2] not in DIRECTIONS:
        raise ArgumentError("prompt", text, limit)
    prompt = Prompt(int(match[1]), *DIRECTIONS[match[2]])
    if match[3] is None:
        return prompt
    return replace(prompt, start_x=int(match[3]), start_y=int(match[4]))


def draw_start(prompt: Prompt, places: int, stream: np.random.Generator) -> Prompt:
    """The prompt with a start place: its own, or one drawn evenly from `places` per axis."""
    start_x, start_y = (int(place) for place in stream.integers(0, places, size=2))
    if prompt.start_x is not None:
        return prompt
    return replace(prompt, start_x=start_x, start_y=start_y)


@dataclass(frozen=True)
class PromptVocabulary:
    """Token ids of prompts behind `num_codes` visual codes, with `places` start places per axis."""

    num_codes: int
    places: int

    @property
    def null_token(self) -> int:
        """Stands for "not said"."""
        return self.num_codes

    @property
    def begin_token(self) -> int:
        """First token of every prompt."""
        return self.num_codes + 1

    @property
    def vocab_size(self) -> int:
        """Visual codes and prompt tokens together."""
        return self.num_codes + 2 + NUM_DIGITS + 2 * len(VELOCITIES) + 2 * self.places

    @property
    def prompt_tokens(self) -> int:
        """P, tokens of every prompt."""
        return PROMPT_TOKENS

    def encode(self, prompt: Prompt | None) -> list[int]:
        """Token ids of a prompt, PROMPT_TOKENS of them; None = that which says nothing.

        >>> PromptVocabulary(256, places=5).encode(parse_prompt("3 right-down from 0,4"))
        [257, 261, 270, 273, 274, 283]
        """
        if prompt is None:
            return self.encode_unconditional()
        digits = self.num_codes + 2
        velocities_x = digits + NUM_DIGITS
        velocities_y = velocities_x + len(VELOCITIES)
        starts_x = velocities_y + len(VELOCITIES)
        return [
            self.begin_token,
            digits + prompt.digit,
            velocities_x + VELOCITIES.index(prompt.velocity_x),
            velocities_y + VELOCITIES.index(prompt.velocity_y),
            self._encode_place("start_x", prompt.start_x, starts_x),
            self._encode_place("start_y", prompt.start_y, starts_x + self.places),
        ]

    def encode_unconditional(self) -> list[int]:
        """Token ids of the prompt that says nothing."""
        return [self.begin_token] + [self.null_token] * (PROMPT_TOKENS - 1)

    def _encode_place(self, name: str, place: int | None, first_token: int) -> int:
        if place is None:
            return self.null_token
        if not 0 <= place < self.places:
            raise ArgumentError(name, place, f"in [0, {self.places})")
        return first_token + place
