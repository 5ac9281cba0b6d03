"""Nothing overlaps, everything lies where section 8 says, and sizes that do not fit are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fastcar.cosim.program.memory_map import MemoryMap
from fastcar.cosim.program.whole.whole_map import (
    AttentionPart,
    ModelPart,
    StorePart,
    WholeMemoryMap,
)
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import DEMO_DECODER, TINY, TINY_DECODER, AcceleratorConfig


def make_map(config: AcceleratorConfig = TINY_DECODER, **changes: Any) -> WholeMemoryMap:
    """Two layers, three slots, 11 tokens, 10 of them codes, 5 blocks."""
    sizes = {"vocab_size": 11, "num_codes": 10, "num_blocks": 5} | changes
    return WholeMemoryMap(MemoryMap(config, 2, 3, 2), **sizes)


def test_regions_follow_each_other_without_gap() -> None:
    found = make_map()
    regions = [
        *(
            (found.locate_attention(layer, part), found.attention_beats[part])
            for layer in range(2)
            for part in AttentionPart
        ),
        *((found.locate_model(part), found.model_beats[part]) for part in ModelPart),
        *((found.locate_noise(slot), found.noise_beats) for slot in range(3)),
        *(
            (found.locate_block(layer, slot, part, 0), found.store_beats[part])
            for layer in range(2)
            for slot in range(3)
            for part in StorePart
        ),
    ]
    next_address = found.mlp.num_beats
    for address, beats in regions:
        assert address == next_address
        assert beats > 0
        next_address = address + beats
    assert next_address == found.num_beats


def test_places_in_tables_and_blocks() -> None:
    found = make_map(DEMO_DECODER, num_codes=11)
    assert found.embedding_shift == 4  # 128 numbers are 8 words of two beats
    assert found.locate_embedding(3) - found.locate_embedding(0) == 48
    assert found.locate_rotary(3) - found.locate_rotary(1) == 8  # 32 numbers are 4 beats
    blocks = [found.locate_block(1, 2, StorePart.KEYS, block) for block in (0, 3)]
    assert blocks[1] - blocks[0] == 3 * found.attention.key_size == 3 * 128
    key = found.locate_key(0, 0, 2 * 16 + 5) - found.locate_block(0, 0, StorePart.KEYS, 2)
    assert key == 5 * 2  # a key of a head is two beats
    assert found.num_positions == 80


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"config": TINY}, "^attention = None: must be sizes of an attention phase$"),
        ({"vocab_size": 65537}, "^vocab_size = 65537: must be from 1 to 65536$"),
        ({"num_codes": 12}, "^num_codes = 12: must be from 1 to vocab_size = 11$"),
        ({"num_codes": 0}, "^num_codes = 0: must be from 1 to "),
        ({"num_blocks": 0}, "^num_blocks = 0: must be at least 1$"),
        ({"num_blocks": 1 << 27}, r"^beats of memory = \d+: must be at most 4294967296$"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make_map(**changes)


def test_head_that_lanes_do_not_divide_is_refused_before_any_map() -> None:
    assert TINY_DECODER.attention is not None
    narrow = replace(TINY_DECODER.attention, head_dim=6)
    with pytest.raises(ArgumentError, match=r"^head_dim = 6: must be a multiple of num_lanes = 4"):
        replace(TINY_DECODER, attention=narrow, query_size=12)
