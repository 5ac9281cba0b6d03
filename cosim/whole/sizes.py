"""Sizes of an accelerator that decodes a model alone, or a refusal before anything is built."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from fastcar.cosim.program.whole.planning import plan_memory
from fastcar.cosim.program.whole.segments import list_segments
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.attention.config import MAX_LANES, AttentionConfig
from fastcar.rtl.config import MIN_LANES, AcceleratorConfig

DEFAULT_LANES = 16
"""Fewer where a head is narrower."""
BLOCK_RAM_WORDS = 512
"""Of a block RAM that is as wide as it can be: a score buffer takes no fewer."""


class SizeRequest(Protocol):
    """What is asked for, all of it said."""

    @property
    def lanes(self) -> int | None:
        """L."""

    @property
    def max_blocks(self) -> int | None:
        """Blocks of the score buffer; None = as many as are needed, or more."""

    def make_config(self, model: ModelConfig) -> AcceleratorConfig:
        """Sizes without those of attention."""

    def make_sparse(self) -> SparseAttention | None:
        """What attention sees."""


def choose_lanes(head_dim: int) -> int:
    """16, or as many as divide a head.

    >>> choose_lanes(128), choose_lanes(24), choose_lanes(6)
    (16, 8, 4)
    """
    lanes = DEFAULT_LANES
    while head_dim % lanes and lanes > MIN_LANES:
        lanes //= 2
    return lanes


def make_memory_map(request: SizeRequest, model: ClipModel, num_positions: int) -> WholeMemoryMap:
    """Addresses and sizes for so many tokens of a row, those of the prompt among them.

    Raises:
        ArgumentError: lanes that do not divide a head, a window below a word, a context that the
            score buffer does not hold, more ids than the token of a slot holds, a memory beyond
            its addresses.
    """
    config, sizes = request.make_config(model.config), model.config
    lanes, sparse = config.num_lanes, request.make_sparse()
    if sizes.head_dim % lanes:
        raise ArgumentError("lanes", lanes, f"a divisor of head_dim = {sizes.head_dim}")
    if lanes > MAX_LANES:
        raise ArgumentError("lanes", lanes, f"at most {MAX_LANES} with scope decoder")
    num_blocks = -(-num_positions // lanes)
    needed = max(
        sum(one.num_blocks for one in list_segments(position, sparse, lanes))
        for position in range(num_blocks * lanes)
    )
    attention = choose_attention(sizes, lanes, needed, request.max_blocks)
    return plan_memory(
        replace(config, attention=attention),
        sizes,
        num_slots=config.num_slots,
        tokens_per_frame=model.tokens_per_frame,
        capacity_tokens=num_positions,
        num_codes=model.num_codes,
        sparse=sparse,
    )


def choose_attention(
    model: ModelConfig, lanes: int, needed: int, max_blocks: int | None
) -> AttentionConfig:
    """Attention phase with room for so many blocks.

    Args:
        model: sizes.
        lanes: L.
        needed: blocks that a token sees at most.
        max_blocks: of the score buffer; None = what block RAM has for them.

    Raises:
        ArgumentError: fewer than needed, or more than there can be.
    """
    heads, key_heads = model.num_attention_heads, model.num_key_value_heads
    if max_blocks is not None:
        if max_blocks < needed:
            limit = f"at least {needed}, the blocks of {lanes} keys that a token sees"
            raise ArgumentError("max_blocks", max_blocks, limit)
        attention = AttentionConfig(heads, key_heads, model.head_dim, max_blocks)
        attention.check_lanes(lanes)
        return attention
    words = -(-needed * key_heads // BLOCK_RAM_WORDS) * BLOCK_RAM_WORDS
    attention = AttentionConfig(heads, key_heads, model.head_dim, needed)
    try:
        attention.check_lanes(lanes)
    except ArgumentError as error:
        raise ArgumentError("visible blocks", needed, error.limit) from None
    rounded = replace(attention, max_blocks=words // key_heads)
    try:
        rounded.check_lanes(lanes)
    except ArgumentError:
        return attention
    return rounded
