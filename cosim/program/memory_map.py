"""Where weights, activations and replay caches lie in the accelerator's memory.

Addresses count beats of L bytes.

    one block per layer    gains, then for gate, up and down: row multipliers, weights
    one block per slot     x, query, aligned key of the layer that runs
    one block per layer, place of the frame and slot: replay cache, MLP output y and its input n
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import FIELD_BITS

MAX_BEATS = 1 << FIELD_BITS["address"]
BEATS_PER_WORD = 2


class LayerPart(Enum):
    """Constants of a layer, in the order of their addresses."""

    GAINS = "gains"
    GATE_MULTIPLIERS = "gate_multipliers"
    GATE_WEIGHTS = "gate_weights"
    UP_MULTIPLIERS = "up_multipliers"
    UP_WEIGHTS = "up_weights"
    DOWN_MULTIPLIERS = "down_multipliers"
    DOWN_WEIGHTS = "down_weights"


class SlotPart(Enum):
    """What the decoder hands over and gets back for a slot."""

    RESIDUAL = "residual"
    QUERY = "query"
    ALIGNED_KEY = "aligned_key"


class CachePart(Enum):
    """What the replay cache keeps of a layer, place and slot."""

    OUTPUT = "output"
    NORMED = "normed"


@dataclass(frozen=True)
class MemoryMap:
    """Addresses, in beats, of everything one model needs for one batch.

    Attributes:
        config: sizes of the accelerator.
        num_layers: layers of the model.
        num_slots: B, at most the accelerator's.
        tokens_per_frame: N, places of the replay cache.
    """

    config: AcceleratorConfig
    num_layers: int
    num_slots: int
    tokens_per_frame: int

    def __post_init__(self) -> None:
        if not 1 <= self.num_slots <= self.config.num_slots:
            limit = f"from 1 to the accelerator's {self.config.num_slots}"
            raise ArgumentError("num_slots", self.num_slots, limit)
        for name in ("num_layers", "tokens_per_frame"):
            if getattr(self, name) < 1:
                raise ArgumentError(name, getattr(self, name), "at least 1")
        if self.num_beats > MAX_BEATS:
            raise ArgumentError("beats of memory", self.num_beats, f"at most {MAX_BEATS}")

    @cached_property
    def layer_beats(self) -> Mapping[LayerPart, int]:
        """Size of every part of a layer's block."""
        hidden, inner = self.config.hidden_words, self.config.intermediate_words
        inner_matrix = inner * self.config.num_lanes * hidden
        hidden_matrix = hidden * self.config.num_lanes * inner
        return {
            LayerPart.GAINS: BEATS_PER_WORD * hidden,
            LayerPart.GATE_MULTIPLIERS: BEATS_PER_WORD * inner,
            LayerPart.GATE_WEIGHTS: inner_matrix,
            LayerPart.UP_MULTIPLIERS: BEATS_PER_WORD * inner,
            LayerPart.UP_WEIGHTS: inner_matrix,
            LayerPart.DOWN_MULTIPLIERS: BEATS_PER_WORD * hidden,
            LayerPart.DOWN_WEIGHTS: hidden_matrix,
        }

    @cached_property
    def slot_beats(self) -> Mapping[SlotPart, int]:
        """Size of every part of a slot's block."""
        query_beats = BEATS_PER_WORD * self.config.query_words
        return {
            SlotPart.RESIDUAL: BEATS_PER_WORD * self.config.hidden_words,
            SlotPart.QUERY: query_beats,
            SlotPart.ALIGNED_KEY: query_beats,
        }

    @cached_property
    def cache_beats(self) -> Mapping[CachePart, int]:
        """Size of every part of a cache block."""
        return dict.fromkeys(CachePart, BEATS_PER_WORD * self.config.hidden_words)

    @cached_property
    def slots_address(self) -> int:
        """First beat of the slots' blocks."""
        return self.num_layers * sum(self.layer_beats.values())

    @cached_property
    def cache_address(self) -> int:
        """First beat of the replay cache."""
        return self.slots_address + self.num_slots * sum(self.slot_beats.values())

    @cached_property
    def num_beats(self) -> int:
        """Size of the memory."""
        num_blocks = self.num_layers * self.tokens_per_frame * self.num_slots
        return self.cache_address + num_blocks * sum(self.cache_beats.values())

    def locate_constant(self, layer_index: int, part: LayerPart) -> int:
        """Address of a layer's constant."""
        check_index("layer_index", layer_index, self.num_layers)
        return locate_part(0, layer_index, part, self.layer_beats)

    def locate_activation(self, slot: int, part: SlotPart) -> int:
        """Address of a slot's activation."""
        check_index("slot", slot, self.num_slots)
        return locate_part(self.slots_address, slot, part, self.slot_beats)

    def locate_cache(self, layer_index: int, location: int, slot: int, part: CachePart) -> int:
        """Address of a part of the replay cache."""
        check_index("layer_index", layer_index, self.num_layers)
        check_index("location", location, self.tokens_per_frame)
        check_index("slot", slot, self.num_slots)
        block = (layer_index * self.tokens_per_frame + location) * self.num_slots + slot
        return locate_part(self.cache_address, block, part, self.cache_beats)


def locate_part(base: int, block: int, part: Any, sizes: Mapping[Any, int]) -> int:
    """Address of a part in one of the blocks of the same sizes that lie from `base` on."""
    parts = list(sizes)
    before = sum(sizes[earlier] for earlier in parts[: parts.index(part)])
    return base + block * sum(sizes.values()) + before


def check_index(name: str, index: int, size: int) -> None:
    """Refuse an index that is not below a size."""
    if not 0 <= index < size:
        raise ArgumentError(name, index, f"at least 0 and below {size}")
