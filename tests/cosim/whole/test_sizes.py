"""Sizes of an accelerator for a model and a number of tokens, and what is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fastcar.cosim.whole.request import DecoderRequest
from fastcar.cosim.whole.scope import Scope, make_cosim_request
from fastcar.cosim.whole.sizes import choose_attention, make_memory_map
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.token_model import load_clip_model
from fastcar.reference.video.model import SHIPPED_MODEL

CONFIG = ModelConfig(100, 64, 96, 2, 4, 2, 16, 1e-5, 100.0, 4096)


@pytest.mark.parametrize(
    ("needed", "key_heads", "blocks"),
    [(1, 2, 256), (256, 2, 256), (257, 2, 512), (5, 4, 128), (129, 4, 256), (3, 1, 512)],
)
def test_a_score_buffer_is_as_large_as_block_ram_has_it(
    needed: int, key_heads: int, blocks: int
) -> None:
    config = replace(CONFIG, num_key_value_heads=key_heads)
    assert choose_attention(config, 16, needed, None).max_blocks == blocks
    assert choose_attention(config, 16, needed, needed).max_blocks == needed


def test_where_the_rounded_size_cannot_be_the_needed_one_is_taken() -> None:
    """8,192 visible keys are 256 words of 32, half of a block RAM."""
    wide = replace(CONFIG, num_attention_heads=1, num_key_value_heads=1, head_dim=32)
    assert choose_attention(wide, 32, 200, None).max_blocks == 200


@pytest.mark.parametrize(
    ("needed", "max_blocks", "text"),
    [
        (9, 8, r"^max_blocks = 8: must be at least 9, the blocks of 16 keys that a token sees$"),
        (513, None, r"^visible blocks = 513: must be at most 512 for 2 key heads of 16$"),
        (9, 513, r"^max_blocks = 513: must be at most 512 for 2 key heads of 16$"),
    ],
)
def test_a_context_beyond_the_score_buffer_is_refused(
    needed: int, max_blocks: int | None, text: str
) -> None:
    with pytest.raises(ArgumentError, match=text):
        choose_attention(CONFIG, 16, needed, max_blocks)


@dataclass(frozen=True)
class SizedModel:
    """What of a model sizes depend on."""

    config: ModelConfig
    tokens_per_frame: int = 4
    num_codes: int = 50


def size(num_positions: int, config: ModelConfig = CONFIG, **arguments: Any) -> Any:
    request = DecoderRequest(batch=2, **{"lanes": 16, **arguments})
    model: Any = SizedModel(config)
    return make_memory_map(request, model, num_positions)


def test_a_window_needs_fewer_blocks() -> None:
    assert size(4096 * 2).config.attention.max_blocks == 512
    with pytest.raises(ArgumentError, match=r"^visible blocks = 513"):
        size(4096 * 2 + 1)
    windowed = size(4096 * 4, window=32, sinks=4)
    assert windowed.config.attention.max_blocks == 256
    assert windowed.num_blocks == 1024
    with pytest.raises(ArgumentError, match=r"^max_blocks = 3: must be at least 4, the blocks"):
        size(4096, window=32, sinks=4, max_blocks=3)
    assert size(4096, window=32, sinks=4, max_blocks=4).config.attention.max_blocks == 4


@pytest.mark.parametrize(
    ("config", "arguments", "text"),
    [
        (CONFIG, {"lanes": 32}, "lanes = 32: must be a divisor of head_dim = 16"),
        (
            replace(CONFIG, head_dim=64),
            {"lanes": 64},
            "lanes = 64: must be at most 32 with scope decoder",
        ),
        (CONFIG, {"window": 15}, "window = 15: must be at least a word of 16 keys"),
        (
            replace(CONFIG, vocab_size=65537),
            {},
            "vocab_size = 65537: must be from 1 to 65536",
        ),
        (replace(CONFIG, head_dim=6), {"lanes": 4}, "lanes = 4: must be a divisor of head_dim = 6"),
    ],
)
def test_what_no_accelerator_has_is_refused(
    config: ModelConfig, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(text)}"):
        size(100, config, **arguments)


@pytest.mark.parametrize(
    ("given", "tokens"),
    [
        ({}, range(101, 109)),
        ({"frames": 2}, range(127)),
        ({"frames": 2, "num_tokens": 3}, range(3)),
        ({"first_token": 70, "frames": 2}, range(70, 127)),
        ({"first_token": 0}, range(8)),
        ({"num_tokens": 20}, range(101, 121)),
        ({"backend": "pyrtl"}, range(101, 102)),
    ],
)
def test_a_video_that_is_asked_for_begins_with_its_prompt(
    given: dict[str, Any], tokens: range
) -> None:
    assert DecoderRequest(**given).get_window(64) == tokens


def test_the_shipped_model_has_sixteen_lanes() -> None:
    model: ClipModel = load_clip_model(Path(SHIPPED_MODEL), None, None)
    request = DecoderRequest().resolve(model)
    assert isinstance(request, DecoderRequest)
    assert (request.lanes, request.batch) == (16, 4)
    assert make_memory_map(request, model, 1030).config.sizes["max_blocks"] == 128


def test_scopes_have_their_requests() -> None:
    assert type(make_cosim_request(Scope.DECODER, temperature=0.5)) is DecoderRequest
    assert type(make_cosim_request("mlp", temperature=None)) is not DecoderRequest
    with pytest.raises(ArgumentError, match=r"^scope = 'all': must be one of mlp, decoder$"):
        make_cosim_request("all")
    with pytest.raises(ArgumentError, match=r"^cores = None: must be"):
        make_cosim_request("decoder", cores=None)
