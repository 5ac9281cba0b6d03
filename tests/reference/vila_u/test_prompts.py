"""Prompts against recorded ids of the published tokenizer and its rows."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.vila_u.prompts import (
    SPECIAL_NAMES,
    UNCONDITIONAL_TEXT,
    format_prompt,
    get_image_start,
    get_video_start,
    make_prompt_ids,
    make_prompt_rows,
)
from fastcar.reference.vila_u.tokenizer import Tokenizer, load_tokenizer
from tests.vila_u_files import MODELS, get_folder, load_vectors

VOCAB_SIZE = 364


@pytest.fixture
def tokenizer() -> Tokenizer:
    """The recorded one."""
    pytest.importorskip("sentencepiece", reason="sentencepiece is not installed: fastcar[vila_u]")
    return load_tokenizer(get_folder("A1", "llm"), VOCAB_SIZE)


@pytest.mark.parametrize("model", MODELS)
def test_texts_have_the_published_ids(model: str, tokenizer: Tokenizer) -> None:
    recorded = load_vectors(model, "prompt")
    assert UNCONDITIONAL_TEXT in recorded["texts"]
    for kind, start in (
        ("video", get_video_start(VOCAB_SIZE)),
        ("image", get_image_start(VOCAB_SIZE)),
    ):
        for index, text in enumerate(recorded["texts"].tolist()):
            ids = make_prompt_ids(tokenizer, text, start)
            assert ids == recorded[f"{kind}_{index}"].tolist(), text


@pytest.mark.parametrize("model", MODELS)
def test_rows_are_the_published_ones(model: str) -> None:
    recorded, prompts = load_vectors(model, "greedy_video"), load_vectors(model, "prompt")
    texts = prompts["texts"].tolist()
    asked, unconditional = (
        prompts[f"video_{texts.index(text)}"].tolist()
        for text in (str(recorded["prompt_text"]), UNCONDITIONAL_TEXT)
    )
    rows = make_prompt_rows([asked] * len(recorded["codes"]), unconditional, VOCAB_SIZE)
    np.testing.assert_array_equal(rows.ids, recorded["input_ids"])
    np.testing.assert_array_equal(rows.mask, recorded["attention_mask"])
    positions = np.where(rows.mask, recorded["prefill_position_ids"], rows.position_ids)
    np.testing.assert_array_equal(rows.position_ids, positions)


def test_conditional_rows_come_first_and_all_end_together() -> None:
    rows = make_prompt_rows([[5, 6, 7], [8]], [9, 4], 10)
    assert rows.ids.tolist() == [[5, 6, 7], [0, 0, 8], [0, 9, 4], [0, 9, 4]]
    assert rows.mask.sum(axis=1).tolist() == [3, 1, 2, 2]
    assert rows.position_ids.tolist() == [[0, 1, 2], [0, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_without_guidance_there_are_no_unconditional_rows() -> None:
    assert make_prompt_rows([[5], [6]], None, 10).ids.tolist() == [[5], [6]]


@pytest.mark.parametrize("name", SPECIAL_NAMES)
def test_names_of_special_tokens_are_refused_in_a_prompt(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"^prompt = .*: must be without {re.escape(name)}, "):
        format_prompt(f"a cat {name} b")


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^prompt = '\\ud800': must be valid Unicode$"):
        format_prompt("\ud800")


@pytest.mark.parametrize(
    ("prompts", "unconditional", "text"),
    [
        ([], [1], "prompts = []: must be at least one"),
        ([[1], []], [1], "prompts[1] = []: must be at least one id"),
        ([[1]], [], "unconditional = []: must be at least one id"),
        ([[1, 10]], [1], "prompts[0] = 10: must be ids from 0 to 9"),
        ([[1]], [-1], "unconditional = -1: must be ids from 0 to 9"),
        ([[1, 2.5]], [1], "prompts[0] = 2.5: must be whole numbers"),
        ([[True]], [1], "prompts[0] = True: must be whole numbers"),
    ],
)
def test_wrong_ids_are_refused(prompts: Any, unconditional: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(text)}$"):
        make_prompt_rows(prompts, unconditional, 10)
