"""Prompts of VILA-U as token ids: text in the published frame, rows padded on the left.

The frame is what the model was trained with: conversation `vicuna_v1` of mit-han-lab/vila-u, whose
system sentence is that of Vicuna 1.1 (lm-sys/FastChat). What is refused is in D-62.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fastcar.reference.arrays import BoolArray, TokenIds
from fastcar.reference.errors import ArgumentError

SYSTEM_TEXT = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
UNCONDITIONAL_TEXT = " "
"""Prompt of the rows that guidance compares with."""
SPECIAL_NAMES = (
    "<unk>",
    "<s>",
    "</s>",
    "<image>",
    "<im_start>",
    "<im_end>",
    "<vi_start>",
    "<vi_end>",
)
"""What the published tokenizer takes for a token of its own wherever it stands in a text."""
BEGIN_ID = 1
PADDING_ID = 0


def get_video_start(vocab_size: int) -> int:
    """Id of `<vi_start>`, of V text tokens with the four that VILA-U adds."""
    return vocab_size - 2


def get_image_start(vocab_size: int) -> int:
    """Id of `<im_start>`."""
    return vocab_size - 4


class TextEncoder(Protocol):
    """What cuts a text into tokens."""

    def encode(self, text: str) -> list[int]:
        """Ids of the tokens of a text, without one that begins it."""


def format_prompt(text: str) -> str:
    """The words around a prompt, up to the start of the video.

    Raises:
        ArgumentError: no valid Unicode, or the name of a special token, which would not stay text.

    >>> format_prompt(" a cat ").removeprefix(SYSTEM_TEXT)
    ' USER: a cat ASSISTANT: '
    >>> format_prompt(" ").removeprefix(SYSTEM_TEXT)
    ' USER:ASSISTANT: '
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError("prompt", text, "valid Unicode") from error
    for name in SPECIAL_NAMES:
        if name in text:
            raise ArgumentError("prompt", text, f"without {name}, the name of a special token")
    stripped = text.strip()
    asked = f" {stripped} " if stripped else ""
    return f"{SYSTEM_TEXT} USER:{asked}ASSISTANT: "


def make_prompt_ids(encoder: TextEncoder, text: str, start_id: int) -> list[int]:
    """Ids of a prompt in its frame, the start of a video or an image last.

    Args:
        encoder: cuts the text.
        text: what to show.
        start_id: `get_video_start` or `get_image_start`.

    Raises:
        ArgumentError: as `format_prompt`.
    """
    return [BEGIN_ID, *encoder.encode(format_prompt(text)), start_id]


@dataclass(frozen=True)
class PromptRows:
    """Prompts of one length.

    Attributes:
        ids: [R, P] int64, `PADDING_ID` where there is none.
        mask: [R, P], False for the padding at the left.
    """

    ids: TokenIds
    mask: BoolArray

    @property
    def position_ids(self) -> TokenIds:
        """[R, P]: tokens before this one; of the padding 0, which nobody reads."""
        positions: TokenIds = np.maximum(self.mask.cumsum(axis=1) - 1, 0)
        return positions


def make_prompt_rows(
    prompts: Sequence[Sequence[int]], unconditional: Sequence[int] | None, vocab_size: int
) -> PromptRows:
    """Rows of all prompts, then as many of the unconditional one.

    Args:
        prompts: ids of b prompts, as from `make_prompt_ids`.
        unconditional: ids of the prompt that says nothing; None = no guidance, b rows alone.
        vocab_size: V.

    Raises:
        ArgumentError: no prompts, an empty one, or an id that is none.
    """
    if not prompts:
        raise ArgumentError("prompts", [], "at least one")
    rows = [list(prompt) for prompt in prompts]
    for index, row in enumerate(rows):
        _check_ids(f"prompts[{index}]", row, vocab_size)
    if unconditional is not None:
        _check_ids("unconditional", list(unconditional), vocab_size)
        rows += [list(unconditional)] * len(prompts)
    longest = max(map(len, rows))
    ids = np.full((len(rows), longest), PADDING_ID, np.int64)
    mask = np.zeros(ids.shape, np.bool_)
    for index, row in enumerate(rows):
        ids[index, longest - len(row) :] = row
        mask[index, longest - len(row) :] = True
    return PromptRows(ids, mask)


def _check_ids(name: str, row: list[int], vocab_size: int) -> None:
    if not row:
        raise ArgumentError(name, row, "at least one id")
    for token_id in row:
        if isinstance(token_id, bool) or not isinstance(token_id, int | np.integer):
            raise ArgumentError(name, token_id, "whole numbers")
        if not 0 <= token_id < vocab_size:
            raise ArgumentError(name, int(token_id), f"ids from 0 to {vocab_size - 1}")
