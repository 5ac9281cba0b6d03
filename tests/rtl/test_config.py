"""Sizes of the accelerator: padding and refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import DEMO, DEMO_DECODER, PRESETS, TINY, TINY_DECODER


@given(num_values=st.integers(1, 10_000), log2_lanes=st.integers(2, 7))
def test_words_hold_all_values_and_no_word_is_empty(num_values: int, log2_lanes: int) -> None:
    config = replace(TINY, num_lanes=1 << log2_lanes)
    num_words = config.count_words(num_values)
    assert (num_words - 1) * config.num_lanes < num_values <= num_words * config.num_lanes


def test_demo_is_the_shipped_model() -> None:
    assert (DEMO.hidden_words, DEMO.intermediate_words, DEMO.query_words) == (8, 22, 8)
    assert (DEMO.beat_bytes, DEMO.beat_bits, DEMO.word_bits) == (16, 128, 256)
    assert {name: PRESETS[name] for name in ("tiny", "demo")} == {"tiny": TINY, "demo": DEMO}


def test_decoders_are_the_others_with_attention() -> None:
    decoders = [PRESETS["tiny-decoder"], PRESETS["demo-decoder"]]
    assert decoders == [TINY_DECODER, DEMO_DECODER]
    assert [replace(one, attention=None) for one in decoders] == [TINY, DEMO]
    assert {*PRESETS} == {"tiny", "demo", "tiny-decoder", "demo-decoder"}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("num_cores", 0, "from 1 to 32"),
        ("num_cores", 33, "from 1 to 32"),
        ("num_slots", 33, "from 1 to 32"),
        ("num_lanes", 2, "a power of two, from 4 to 1024"),
        ("num_lanes", 12, "a power of two, from 4 to 1024"),
        ("num_lanes", 2048, "a power of two, from 4 to 1024"),
        ("queue_depth", 1, "a power of two, from 2 to 4096"),
        ("queue_depth", 8192, "a power of two, from 2 to 4096"),
        ("hidden_size", 0, "from 1 to 16380"),
        ("intermediate_size", 16381, "from 1 to 16380"),
        ("query_size", -1, "from 1 to 16380"),
        ("num_cores", True, "a whole number"),
        ("num_lanes", "4", "a whole number"),
        ("num_slots", 2.0, "a whole number"),
    ],
)
def test_a_size_outside_its_limit_is_refused(name: str, value: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{name} = {value!r}: must be {text}$"):
        replace(TINY, **{name: value})
