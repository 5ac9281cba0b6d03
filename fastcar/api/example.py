"""A model small enough for an example that runs in a second."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastcar.reference.config import ModelConfig
from fastcar.reference.files.checkpoint import save_checkpoint
from fastcar.reference.weights import make_random_weights

TOKENS_PER_FRAME = 4


class Example(NamedTuple):
    """Files of an example.

    Attributes:
        checkpoint: Hugging Face Llama directory, 2 layers of width 16, 20 tokens, random weights.
        tokens: .npz file of 4 rows, prompts of 2 tokens and 4 frames of 4.
        tokens_per_frame: 4.
    """

    checkpoint: Path
    tokens: Path
    tokens_per_frame: int


def write_example(folder: str | os.PathLike[str]) -> Example:
    """Write a tiny random Llama and tokens for it into an existing folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     example = write_example(folder)
    ...     example.checkpoint.name, example.tokens.name
    ('llama', 'tokens.npz')
    """
    config = ModelConfig(
        vocab_size=20,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        max_position_embeddings=32,
    )
    rng = np.random.default_rng(0)
    example = Example(Path(folder) / "llama", Path(folder) / "tokens.npz", TOKENS_PER_FRAME)
    save_checkpoint(example.checkpoint, config, make_random_weights(config, rng))
    prompt_ids = rng.integers(0, config.vocab_size, (4, 2))
    forced_ids = rng.integers(0, config.vocab_size, (4, 4 * TOKENS_PER_FRAME))
    np.savez(example.tokens, prompt_ids=prompt_ids, forced_ids=forced_ids)
    return example
