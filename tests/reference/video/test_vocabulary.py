"""Token ids of a model that takes no prompt, and which model has which vocabulary."""

from __future__ import annotations

import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.prompt import Prompt, PromptVocabulary
from fastcar.reference.video.vocabulary import BeginVocabulary, make_vocabulary


def test_begin_lies_behind_the_codes_and_fills_the_vocabulary() -> None:
    vocabulary = BeginVocabulary(num_codes=12)
    assert vocabulary.encode(None) == vocabulary.encode_unconditional() == [12]
    assert (vocabulary.begin_token, vocabulary.vocab_size, vocabulary.prompt_tokens) == (12, 13, 1)


def test_a_prompt_is_refused_where_none_is_taken() -> None:
    limit = "^prompt = '3 right': must be left out: the model takes no prompt$"
    with pytest.raises(ArgumentError, match=limit):
        BeginVocabulary(num_codes=12).encode(Prompt(3, 1, 0))


def test_the_sizes_of_the_digit_decide_about_the_vocabulary() -> None:
    assert make_vocabulary(12, VideoGeometry(2, 8, 4)) == BeginVocabulary(12)
    assert make_vocabulary(12, VideoGeometry(2, 8, 4, 4)) == PromptVocabulary(12, places=2)


def test_what_says_nothing_is_the_unconditional_prompt_of_a_model_with_prompts() -> None:
    vocabulary = PromptVocabulary(12, places=2)
    assert vocabulary.encode(None) == vocabulary.encode_unconditional()
    assert len(vocabulary.encode(None)) == vocabulary.prompt_tokens


def test_places_of_a_digit_are_not_asked_for_where_there_is_none() -> None:
    geometry = VideoGeometry(frames=16, canvas_pixels=32, patch_pixels=4)
    assert geometry.tokens_per_frame == 64
    with pytest.raises(ArgumentError, match=r"^digit_pixels = None: must be given where a digit"):
        _ = geometry.positions_per_axis
