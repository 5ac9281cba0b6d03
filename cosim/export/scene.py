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
    """

    description: str
    config: ModelConfig
    weights: ModelWeights
    prompt_ids: TokenIds
    token_ids: TokenIds
    tokens_per_frame: int


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
    )


def make_random_scene(config: AcceleratorConfig, num_slots: int, seed: int) -> Scene:
    """Random tokens of a random model with the accelerator's sizes."""
    if config.query_size % (2 * RANDOM_HEADS):
        raise ArgumentError("query_size", config.query_size, f"a multiple of {2 * RANDOM_HEADS}")
    rng = np.random.default_rng(seed)
    num_tokens = 2 * RANDOM_TOKENS_PER_FRAME
    model = ModelConfig(
        vocab_size=RANDOM_VOCAB,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=1,
        num_attention_heads=RANDOM_HEADS,
        num_key_value_heads=RANDOM_HEADS,
        head_dim=config.query_size // RANDOM_HEADS,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        max_position_embeddings=1 + num_tokens,
    )
    return Scene(
        f"random tokens of a random model (seed {seed})",
        model,
        make_random_weights(model, rng),
        rng.integers(RANDOM_VOCAB, size=(num_slots, 1)),
        rng.integers(RANDOM_VOCAB, size=(num_slots, num_tokens)),
        RANDOM_TOKENS_PER_FRAME,
    )
