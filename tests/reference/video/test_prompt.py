from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.prompt import (
    DIRECTIONS,
    PROMPT_TOKENS,
    Prompt,
    PromptVocabulary,
    draw_start,
    parse_prompt,
)

ALL_PROMPTS = [
    Prompt(digit, *velocity, *start)
    for digit in range(10)
    for velocity in DIRECTIONS.values()
    for start in [(None, None), *product(range(5), repeat=2)]
]


def test_every_prompt_survives_text_and_has_its_own_tokens() -> None:
    vocabulary = PromptVocabulary(256, places=5)
    encoded = [tuple(vocabulary.encode(prompt)) for prompt in ALL_PROMPTS]
    assert [parse_prompt(str(prompt)) for prompt in ALL_PROMPTS] == ALL_PROMPTS
    assert len({*encoded, tuple(vocabulary.encode_unconditional())}) == len(ALL_PROMPTS) + 1
    assert all(len(tokens) == PROMPT_TOKENS for tokens in encoded)


def test_prompt_tokens_lie_behind_the_codes_and_fill_the_vocabulary() -> None:
    vocabulary = PromptVocabulary(256, places=5)
    used = {token for prompt in ALL_PROMPTS for token in vocabulary.encode(prompt)}
    used |= set(vocabulary.encode_unconditional())
    assert used == set(range(256, vocabulary.vocab_size))


def test_a_start_is_drawn_only_where_none_is_given() -> None:
    prompt = parse_prompt("3 up")
    drawn = [draw_start(prompt, 5, np.random.default_rng(seed)) for seed in range(300)]
    assert {(start.start_x, start.start_y) for start in drawn} == set(product(range(5), repeat=2))
    assert {replace(start, start_x=None, start_y=None) for start in drawn} == {prompt}
    fixed = parse_prompt("3 up from 1,2")
    assert draw_start(fixed, 5, np.random.default_rng(0)) == fixed


def test_start_outside_the_canvas_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^start_y = 5: must be in \[0, 5\)$"):
        PromptVocabulary(256, places=5).encode(parse_prompt("3 up from 4,5"))


@pytest.mark.parametrize(
    "text",
    ["", "3", "12 right", "3 sideways", "x up", "3 right down", "3 right from 1", "3 up from 1,10"],
)
def test_unknown_prompt_is_refused(text: str) -> None:
    with pytest.raises(
        ArgumentError, match=r"^prompt = '.*': must be 'DIGIT DIRECTION \[from X,Y\]'"
    ):
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
