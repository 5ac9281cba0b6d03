"""Sizes of the accelerator to export: those of a preset, of a model, or given one by one (D-74)."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from fastcar.cosim.request import (
    CosimRequest,
    fit_lanes,
    get_query_size,
    make_accelerator_config,
)
from fastcar.cosim.whole.sizes import choose_attention, choose_lanes
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.attention.config import MAX_LANES
from fastcar.rtl.config import DEMO, DEMO_DECODER, PRESETS, AcceleratorConfig

DEFAULT_SLOTS = 4
"""Slots of the testbench, fewer where accelerator or model have fewer."""
NUM_TOKENS = 2
"""That a testbench of whole tokens runs, one after the other."""
CUSTOM = "custom"
"""What sizes are called that no preset has."""
_LETTERS = {
    "num_cores": "c",
    "num_lanes": "l",
    "num_slots": "b",
    "hidden_size": "d",
    "intermediate_size": "f",
    "query_size": "q",
    "queue_depth": "i",
    "num_heads": "h",
    "num_key_value_heads": "k",
    "head_dim": "w",
    "max_blocks": "m",
}
"""What stands in front of a size in a name."""


class SizeRequest(Protocol):
    """What is asked for; None = as the others say."""

    @property
    def preset(self) -> str | None:
        """Name of a preset."""

    @property
    def cores(self) -> int | None:
        """C."""

    @property
    def lanes(self) -> int | None:
        """L."""

    @property
    def batch(self) -> int | None:
        """B."""

    @property
    def queue_depth(self) -> int | None:
        """Instructions that a core queues."""

    @property
    def num_slots(self) -> int | None:
        """Slots of the testbench."""

    @property
    def max_blocks(self) -> int | None:
        """Blocks of the score buffer."""

    @property
    def is_decoder(self) -> bool:
        """Whether the accelerator has an attention phase, without a preset."""

    @property
    def given_sizes(self) -> tuple[int, int, int] | None:
        """D, F and Q."""


def choose_config(request: SizeRequest, model: ClipModel) -> tuple[str, AcceleratorConfig]:
    """Name and sizes of the accelerator.

    Args:
        request: what is asked for.
        model: whose sizes count where the request has none.

    Raises:
        ArgumentError: there is none of these sizes, or it cannot run the model's tokens.
    """
    if request.preset is not None:
        return request.preset, PRESETS[request.preset]
    if request.given_sizes is not None:
        return CUSTOM, _make_config(request, request.given_sizes, None)
    demo, name = (DEMO_DECODER, "demo-decoder") if request.is_decoder else (DEMO, "demo")
    own = request.cores, request.lanes, request.batch, request.queue_depth, request.max_blocks
    if own == (None,) * len(own) and get_model_sizes(model.config, demo) == get_sizes(demo):
        return name, demo
    lanes = choose_lanes(model.config.head_dim) if request.is_decoder else None
    config = _make_config(request, (*get_model_sizes(model.config, DEMO).values(),), lanes)
    return CUSTOM, _add_attention(request, model, config) if request.is_decoder else config


def _make_config(
    request: SizeRequest, sizes: tuple[int, ...], default_lanes: int | None
) -> AcceleratorConfig:
    """An accelerator without attention for vectors of D, F and Q numbers."""
    hidden, inner, query = sizes
    slots = DEFAULT_SLOTS if request.num_slots is None else request.num_slots
    lanes = default_lanes or fit_lanes(max(sizes))
    config = make_accelerator_config(
        CosimRequest.cores if request.cores is None else request.cores,
        lanes if request.lanes is None else request.lanes,
        slots if request.batch is None else request.batch,
        *(hidden, inner, query),
    )
    depth = request.queue_depth
    return config if depth is None else replace(config, queue_depth=depth)


def _add_attention(
    request: SizeRequest, model: ClipModel, config: AcceleratorConfig
) -> AcceleratorConfig:
    """With an attention phase for all tokens of a row, or for `max_blocks` blocks of keys."""
    sizes, lanes = model.config, config.num_lanes
    if sizes.head_dim % lanes:
        raise ArgumentError("lanes", lanes, f"a divisor of head_dim = {sizes.head_dim}")
    if lanes > MAX_LANES:
        raise ArgumentError("lanes", lanes, f"at most {MAX_LANES} with scope decoder")
    rows = model.load_rows("held_out")
    num_prompt, num_row = rows.prompts.conditional.shape[1], rows.token_ids.shape[1]
    num_run = model.tokens_per_frame * 3 // 2 + 1 + NUM_TOKENS
    num_tokens = num_prompt + (num_run if request.max_blocks else max(num_run, num_row))
    attention = choose_attention(sizes, lanes, -(-num_tokens // lanes), request.max_blocks)
    return replace(config, attention=attention)


def get_sizes(config: AcceleratorConfig) -> dict[str, int]:
    """D, F and Q; with an attention phase heads, key heads and their width as well."""
    sizes = {
        "D": config.hidden_size,
        "F": config.intermediate_size,
        "Q": config.query_size,
    }
    if config.attention is None:
        return sizes
    heads, key_heads = config.attention.num_heads, config.attention.num_key_value_heads
    return sizes | {"H": heads, "H_kv": key_heads, "d": config.attention.head_dim}


def get_model_sizes(model: ModelConfig, config: AcceleratorConfig) -> dict[str, int]:
    """The sizes of a model that must be those of an accelerator."""
    sizes = {"D": model.hidden_size, "F": model.intermediate_size, "Q": get_query_size(model)}
    if config.attention is None:
        return sizes
    heads, key_heads = model.num_attention_heads, model.num_key_value_heads
    return sizes | {"H": heads, "H_kv": key_heads, "d": model.head_dim}


def name_sizes(config: AcceleratorConfig) -> str:
    """Sizes as part of a name.

    >>> from fastcar.rtl.config import TINY, TINY_DECODER
    >>> name_sizes(TINY), name_sizes(TINY_DECODER).removeprefix(name_sizes(TINY))
    ('c2-l4-b4-d8-f12-q8-i32', '-h2-k2-w4-m8')
    """
    return "-".join(f"{_LETTERS[name]}{size}" for name, size in config.sizes.items())
