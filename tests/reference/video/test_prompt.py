from __future__ import annotations

import pytest

from reference.errors import ArgumentError
from reference.video.geometry import VideoGeometry
from reference.video.prompt import (
    DIRECTIONS,
    PROMPT_TOKENS,
    Prompt,
    PromptVocabulary,
    parse_prompt,
)

ALL_PROMPTS = [Prompt(digit, *velocity) for digit in range(10) for velocity in DIRECTIONS.values()]


def test_every_prompt_survives_text_and_has_its_own_tokens() -> None:
    vocabulary = PromptVocabulary(256)
    encoded = [tuple(vocabulary.encode(prompt)) for prompt in ALL_PROMPTS]
    assert [parse_prompt(str(prompt)) for prompt in ALL_PROMPTS] == ALL_PROMPTS
    assert len({*encoded, tuple(vocabulary.encode_unconditional())}) == len(ALL_PROMPTS) + 1
    assert all(len(tokens) == PROMPT_TOKENS for tokens in encoded)


def test_prompt_tokens_lie_behind_the_codes_and_fill_the_vocabulary() -> None:
    vocabulary = PromptVocabulary(256)
    used = {token for prompt in ALL_PROMPTS for token in vocabulary.encode(prompt)}
    used |= set(vocabulary.encode_unconditional())
    assert used == set(range(256, vocabulary.vocab_size))


@pytest.mark.parametrize("text", ["", "3", "12 right", "3 sideways", "x up", "3 right down"])
def test_unknown_prompt_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"^prompt = '.*': must be 'DIGIT DIRECTION'"):
        parse_prompt(text)


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ((0, 32, 4, 16), r"^frames = 0: must be at least 1$"),
        ((16, 30, 4, 16), r"^canvas_pixels = 30: must be a multiple of patch_pixels = 4$"),
        ((16, 16, 4, 32), r"^digit_pixels = 32: must be at most canvas_pixels = 16$"),
    ],
)
def test_impossible_geometry_is_refused(sizes: tuple[int, int, int, int], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        VideoGeometry(*sizes)


def test_sizes_of_the_shipped_geometry() -> None:
    geometry = VideoGeometry(frames=16, canvas_pixels=32, patch_pixels=4, digit_pixels=16)
    assert (geometry.tokens_per_frame, geometry.positions_per_axis) == (64, 5)
