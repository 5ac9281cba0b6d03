"""Tokens for a testbench: rows of a model, or random ones of a random model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import TokenIds
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.weights import ModelWeights, make_random_weights
from fastcar.rtl.config import AcceleratorConfig

RANDOM_VOCAB, RANDOM_TOKENS_PER_FRAME, RANDOM_HEADS = 16, 4, 2
RANDOM_DECODER_LAYERS = 2
"""Of a random model that decodes whole tokens: the second begins while the first is under way."""


@dataclass(frozen=True)
class Scene:
    """What is decoded.

    Attributes:
        description: of model and tokens, for people.
        config: sizes of the model.
        weights: its weights.
        prompt_ids: [B, P].
        token_ids: [B, tokens], fed one after the other.
        tokens_per_frame: N.
        num_codes: ids below it can be picked.
    """

    description: str
    config: ModelConfig
    weights: ModelWeights
    prompt_ids: TokenIds
    token_ids: TokenIds
    tokens_per_frame: int
    num_codes: int


def make_row_scene(model: ClipModel, num_slots: int) -> Scene:
    """Held-out rows of a model, one per slot, up to the middle of the second frame.

    That is the first frame which may replay.

    Raises:
        ArgumentError: more slots than rows, or rows that end before.
    """
    rows = model.load_rows("held_out").take(num_slots, "slots")
    num_tokens = model.tokens_per_frame * 3 // 2 + 1
    if rows.token_ids.shape[1] < num_tokens:
        limit = f"at least {num_tokens}, to the middle of the second frame"
        raise ArgumentError("tokens of a row", rows.token_ids.shape[1], limit)
    return Scene(
        f"tokens of {model.name}",
        model.config,
        model.weights,
        rows.prompts.conditional,
        rows.token_ids[:, :num_tokens],
        model.tokens_per_frame,
        model.num_codes,
    )


def make_random_scene(config: AcceleratorConfig, num_slots: int, seed: int) -> Scene:
    """Random tokens of a random model with the accelerator's sizes."""
    if config.query_size % (2 * RANDOM_HEADS):
        raise ArgumentError("query_size", config.query_size, f"a multiple of {2 * RANDOM_HEADS}")
    heads = RANDOM_HEADS, RANDOM_HEADS, config.query_size // RANDOM_HEADS
    return _draw_scene(_make_model(config, heads, num_layers=1), num_slots, seed, RANDOM_VOCAB)


def make_random_decoder_scene(config: AcceleratorConfig, num_slots: int, seed: int) -> Scene:
    """Likewise, with the heads of its attention phase, and an id that is never picked."""
    attention = config.attention
    assert attention is not None, "an accelerator with an attention phase"
    heads = attention.num_heads, attention.num_key_value_heads, attention.head_dim
    model = _make_model(config, heads, RANDOM_DECODER_LAYERS)
    return _draw_scene(model, num_slots, seed, RANDOM_VOCAB - 1)


def _make_model(
    config: AcceleratorConfig, heads: tuple[int, int, int], num_layers: int
) -> ModelConfig:
    """Sizes with query heads, key heads and their width."""
    num_heads, num_key_value_heads, head_dim = heads
    return ModelConfig(
        vocab_size=RANDOM_VOCAB,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=num_layers,
        num_attention_heads=num_heads,
        num_key_value_heads=num_key_value_heads,
        head_dim=head_dim,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        max_position_embeddings=1 + 2 * RANDOM_TOKENS_PER_FRAME,
    )


def _draw_scene(model: ModelConfig, num_slots: int, seed: int, num_codes: int) -> Scene:
    """Weights and two frames of tokens behind a prompt of one."""
    rng = np.random.default_rng(seed)
    return Scene(
        f"random tokens of a random model (seed {seed})",
        model,
        make_random_weights(model, rng),
        rng.integers(RANDOM_VOCAB, size=(num_slots, 1)),
        rng.integers(RANDOM_VOCAB, size=(num_slots, 2 * RANDOM_TOKENS_PER_FRAME)),
        RANDOM_TOKENS_PER_FRAME,
        num_codes,
    )
