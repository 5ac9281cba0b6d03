"""Sizes of the attention phase, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.whole import softmax
from fastcar.rtl.attention.config import MAX_VISIBLE_TOKENS, AttentionConfig
from fastcar.rtl.config import DEMO, DEMO_DECODER, TINY_DECODER

GROUPED = AttentionConfig(num_heads=8, num_key_value_heads=2, head_dim=16, max_blocks=4)


def test_as_many_keys_as_the_reference_sums() -> None:
    assert MAX_VISIBLE_TOKENS == softmax.MAX_VISIBLE_TOKENS


def test_sizes_follow_from_heads() -> None:
    assert (GROUPED.group_size, GROUPED.query_size, GROUPED.key_size) == (4, 128, 32)
    assert GROUPED.score_words == 8
    assert replace(DEMO, attention=GROUPED).key_words == 2
    assert (DEMO.key_words, DEMO_DECODER.key_words) == (0, 8)


def test_every_size_has_a_name() -> None:
    assert TINY_DECODER.sizes["queue_depth"] == 32
    assert TINY_DECODER.sizes["max_blocks"] == 8
    assert list(DEMO.sizes)[-1] == "queue_depth"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("num_heads", 0, "num_heads = 0: must be at least 1"),
        ("max_blocks", True, "max_blocks = True: must be a whole number"),
        ("head_dim", 4.0, r"head_dim = 4\.0: must be a whole number"),
        (
            "num_key_value_heads",
            3,
            "num_key_value_heads = 3: must be a divisor of num_heads = 8",
        ),
        ("num_heads", 130, "query heads = 65: must be at most 64 for each key head"),
        ("head_dim", 3, "key size = 6: must be at least 8, with all key heads together"),
    ],
)
def test_what_no_attention_has_is_refused(name: str, value: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{text}$"):
        replace(GROUPED, **{name: value})


@pytest.mark.parametrize(
    ("num_lanes", "attention", "text"),
    [
        (64, replace(GROUPED, head_dim=64), "num_lanes = 64: must be at most 32 with attention"),
        (32, GROUPED, "head_dim = 16: must be a multiple of num_lanes = 32"),
        (
            16,
            replace(GROUPED, max_blocks=513),
            "max_blocks = 513: must be at most 512 for 2 key heads of 16",
        ),
        (
            16,
            AttentionConfig(8, 8, 128, 64),
            "max_blocks = 64: must be at most 63 for 8 key heads of 128",
        ),
        (
            4,
            AttentionConfig(32, 32, 4, 129),
            "max_blocks = 129: must be at most 128 for 32 key heads of 4",
        ),
    ],
)
def test_lanes_that_do_not_fit_are_refused(
    num_lanes: int, attention: AttentionConfig, text: str
) -> None:
    with pytest.raises(ArgumentError, match=f"^{text}$"):
        attention.check_lanes(num_lanes)


def test_queries_are_those_of_all_heads() -> None:
    with pytest.raises(ArgumentError, match=r"^query_size = 120: must be 128, that of all query"):
        replace(DEMO, query_size=120, attention=GROUPED)
