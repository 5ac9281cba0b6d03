"""Where everything that a whole decoder needs lies in the accelerator's memory.

Source: docs/accelerator.md, section 8. Addresses count beats of L bytes.

    what the MLP phase needs (`fastcar.cosim.program.memory_map`), x of every slot among it
    one block per layer           gains, then of query, key, value, output multipliers, weights
    embedding                     one row per token, a power of two beats apart
    rotary table                  one vector of d numbers per position
    head                          final gains, row multipliers, weights
    one block per slot            noise of the token that is picked
    one block per layer and slot  keys, then values, in blocks of L tokens
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from fastcar.cosim.program.memory_map import (
    BEATS_PER_WORD,
    MAX_BEATS,
    MemoryMap,
    check_index,
    locate_part,
)
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import AcceleratorConfig

MAX_VOCABULARY = 1 << 16
"""Token ids that the token of a slot holds."""


class AttentionPart(Enum):
    """Constants of a layer's attention, in the order of their addresses."""

    GAINS = "gains"
    QUERY_MULTIPLIERS = "query_multipliers"
    QUERY_WEIGHTS = "query_weights"
    KEY_MULTIPLIERS = "key_multipliers"
    KEY_WEIGHTS = "key_weights"
    VALUE_MULTIPLIERS = "value_multipliers"
    VALUE_WEIGHTS = "value_weights"
    OUTPUT_MULTIPLIERS = "output_multipliers"
    OUTPUT_WEIGHTS = "output_weights"


class ModelPart(Enum):
    """Constants of the model, in the order of their addresses."""

    EMBEDDING = "embedding"
    ROTARY = "rotary"
    FINAL_GAINS = "final_gains"
    HEAD_MULTIPLIERS = "head_multipliers"
    HEAD_WEIGHTS = "head_weights"


class StorePart(Enum):
    """Regions of the KV cache of a layer and slot."""

    KEYS = "keys"
    VALUES = "values"


@dataclass(frozen=True)
class WholeMemoryMap:
    """Addresses, in beats, of everything one decoder needs for one batch.

    Attributes:
        mlp: what the MLP phase needs, from address 0 on; sizes of accelerator, model and batch.
        vocab_size: V, rows of the embedding.
        num_codes: ids below it can be picked; rows of the head that are stored.
        num_blocks: blocks of L tokens of the KV cache of a layer and slot.

    Raises:
        ArgumentError: sizes that do not fit, before anything is built.
    """

    mlp: MemoryMap
    vocab_size: int
    num_codes: int
    num_blocks: int

    def __post_init__(self) -> None:
        if self.config.attention is None:
            raise ArgumentError("attention", None, "sizes of an attention phase")
        if not 1 <= self.vocab_size <= MAX_VOCABULARY:
            raise ArgumentError("vocab_size", self.vocab_size, f"from 1 to {MAX_VOCABULARY}")
        if not 1 <= self.num_codes <= self.vocab_size:
            limit = f"from 1 to vocab_size = {self.vocab_size}"
            raise ArgumentError("num_codes", self.num_codes, limit)
        if self.num_blocks < 1:
            raise ArgumentError("num_blocks", self.num_blocks, "at least 1")
        if self.num_beats > MAX_BEATS:
            raise ArgumentError("beats of memory", self.num_beats, f"at most {MAX_BEATS}")

    def check_sizes(self, model: ModelConfig) -> None:
        """Refuse a decoder of other sizes.

        Raises:
            ArgumentError: names the size.
        """
        config, attention = self.config, self.attention
        for name, size, limit in (
            ("hidden_size", model.hidden_size, config.hidden_size),
            ("intermediate_size", model.intermediate_size, config.intermediate_size),
            ("num_heads", model.num_attention_heads, attention.num_heads),
            ("num_key_value_heads", model.num_key_value_heads, attention.num_key_value_heads),
            ("head_dim", model.head_dim, attention.head_dim),
            ("layers", model.num_hidden_layers, self.mlp.num_layers),
            ("vocab_size", model.vocab_size, self.vocab_size),
        ):
            if size != limit:
                raise ArgumentError(name, size, f"{limit}, that of the memory map")

    @property
    def config(self) -> AcceleratorConfig:
        """Sizes of the accelerator."""
        return self.mlp.config

    @property
    def attention(self) -> AttentionConfig:
        """Sizes of its attention phase."""
        assert self.config.attention is not None
        return self.config.attention

    @property
    def num_positions(self) -> int:
        """Tokens of a row that the KV cache holds."""
        return self.num_blocks * self.config.num_lanes

    @property
    def code_words(self) -> int:
        """Words of the padded logits."""
        return self.config.count_words(self.num_codes)

    @property
    def rotary_words(self) -> int:
        """Words of the cosines and sines of a position."""
        return self.config.count_words(self.attention.head_dim)

    @cached_property
    def embedding_shift(self) -> int:
        """Rows of the embedding lie 2^shift beats apart."""
        return (BEATS_PER_WORD * self.config.hidden_words - 1).bit_length()

    @cached_property
    def attention_beats(self) -> Mapping[AttentionPart, int]:
        """Size of every part of a layer's block."""
        config, lanes = self.config, self.config.num_lanes
        hidden, query, key = config.hidden_words, config.query_words, config.key_words
        return {
            AttentionPart.GAINS: BEATS_PER_WORD * hidden,
            AttentionPart.QUERY_MULTIPLIERS: BEATS_PER_WORD * query,
            AttentionPart.QUERY_WEIGHTS: query * lanes * hidden,
            AttentionPart.KEY_MULTIPLIERS: BEATS_PER_WORD * key,
            AttentionPart.KEY_WEIGHTS: key * lanes * hidden,
            AttentionPart.VALUE_MULTIPLIERS: BEATS_PER_WORD * key,
            AttentionPart.VALUE_WEIGHTS: key * lanes * hidden,
            AttentionPart.OUTPUT_MULTIPLIERS: BEATS_PER_WORD * hidden,
            AttentionPart.OUTPUT_WEIGHTS: hidden * lanes * query,
        }

    @cached_property
    def model_beats(self) -> Mapping[ModelPart, int]:
        """Size of every part of the model's block."""
        hidden = self.config.hidden_words
        return {
            ModelPart.EMBEDDING: self.vocab_size << self.embedding_shift,
            ModelPart.ROTARY: self.num_positions * BEATS_PER_WORD * self.rotary_words,
            ModelPart.FINAL_GAINS: BEATS_PER_WORD * hidden,
            ModelPart.HEAD_MULTIPLIERS: BEATS_PER_WORD * self.code_words,
            ModelPart.HEAD_WEIGHTS: self.code_words * self.config.num_lanes * hidden,
        }

    @cached_property
    def store_beats(self) -> Mapping[StorePart, int]:
        """Size of the regions of a layer and slot."""
        return dict.fromkeys(StorePart, self.num_blocks * self.attention.key_size)

    @cached_property
    def model_address(self) -> int:
        """First beat of the model's block."""
        layers = self.mlp.num_layers * sum(self.attention_beats.values())
        return self.mlp.num_beats + layers

    @cached_property
    def noise_address(self) -> int:
        """First beat of the noise."""
        return self.model_address + sum(self.model_beats.values())

    @cached_property
    def store_address(self) -> int:
        """First beat of the KV cache."""
        return self.noise_address + self.mlp.num_slots * self.noise_beats

    @property
    def noise_beats(self) -> int:
        """Beats of the noise of a slot."""
        return BEATS_PER_WORD * self.code_words

    @cached_property
    def num_beats(self) -> int:
        """Size of the memory."""
        num_stores = self.mlp.num_layers * self.mlp.num_slots
        return self.store_address + num_stores * sum(self.store_beats.values())

    def locate_attention(self, layer_index: int, part: AttentionPart) -> int:
        """Address of a constant of a layer's attention."""
        check_index("layer_index", layer_index, self.mlp.num_layers)
        return locate_part(self.mlp.num_beats, layer_index, part, self.attention_beats)

    def locate_model(self, part: ModelPart) -> int:
        """Address of a constant of the model."""
        return locate_part(self.model_address, 0, part, self.model_beats)

    def locate_embedding(self, token_id: int) -> int:
        """Address of a row of the embedding."""
        check_index("token_id", token_id, self.vocab_size)
        return self.locate_model(ModelPart.EMBEDDING) + (token_id << self.embedding_shift)

    def locate_rotary(self, position: int) -> int:
        """Address of the cosines and sines of a position."""
        check_index("position", position, self.num_positions)
        pitch = BEATS_PER_WORD * self.rotary_words
        return self.locate_model(ModelPart.ROTARY) + position * pitch

    def locate_noise(self, slot: int, word: int = 0) -> int:
        """Address of a word of the noise of a slot."""
        check_index("slot", slot, self.mlp.num_slots)
        check_index("word", word, self.code_words)
        return self.noise_address + slot * self.noise_beats + BEATS_PER_WORD * word

    def locate_block(self, layer_index: int, slot: int, part: StorePart, block: int) -> int:
        """Address of a block of L keys or values."""
        check_index("layer_index", layer_index, self.mlp.num_layers)
        check_index("slot", slot, self.mlp.num_slots)
        check_index("block", block, self.num_blocks)
        store = layer_index * self.mlp.num_slots + slot
        base = locate_part(self.store_address, store, part, self.store_beats)
        return base + block * self.attention.key_size

    def locate_key(self, layer_index: int, slot: int, position: int) -> int:
        """Address of the first beat of a token's key; those of the next head are d beats on."""
        check_index("position", position, self.num_positions)
        lanes = self.config.num_lanes
        block, lane = divmod(position, lanes)
        first = self.locate_block(layer_index, slot, StorePart.KEYS, block)
        return first + lane * (self.attention.head_dim // lanes)
