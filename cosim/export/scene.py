"""Tokens for a testbench: clips of a video model, or random ones of a random model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.model import VideoModel
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


def make_video_scene(model: VideoModel, num_slots: int, num_tokens: int) -> Scene:
    """Held-out clips of a video model, one per slot."""
    clips = model.load_clips("held_out")
    if not 1 <= num_slots <= len(clips.prompts):
        raise ArgumentError("slots", num_slots, f"from 1 to {len(clips.prompts)}, the clips")
    clips = clips.take(num_slots)
    return Scene(
        "tokens of the shipped model",
        model.config,
        model.weights,
        model.encode_prompts(clips.prompts).conditional,
        clips.token_ids[:, :num_tokens],
        model.geometry.tokens_per_frame,
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
