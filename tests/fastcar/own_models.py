"""Checkpoints as users bring them, of several kinds, with tokens of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.checkpoint_files import CONFIG, make_tensors, write_checkpoint

TOKENS_PER_FRAME = 3
ROWS, PROMPT_TOKENS, FORCED_TOKENS = 3, 2, 12

KINDS: dict[str, dict[str, Any]] = {
    "grouped_query": {"num_attention_heads": 4, "num_key_value_heads": 2},
    "odd_sizes": {"hidden_size": 10, "intermediate_size": 13, "head_dim": 6, "vocab_size": 17},
    "tied": {"tie_word_embeddings": True},
}
"""What differs from `tests.checkpoint_files.CONFIG`."""


def write_own_model(folder: Path, kind: str) -> tuple[Path, Path]:
    """Directory of the checkpoint, and file of tokens."""
    config = CONFIG | KINDS[kind]
    directory = write_checkpoint(folder / kind, config, make_tensors(config))
    return directory, write_tokens(folder / f"{kind}.npz", config["vocab_size"])


def write_tokens(path: Path, vocab_size: int, seed: int = 1) -> Path:
    """Rows that repeat most of the frame before, as videos do."""
    rng = np.random.default_rng(seed)
    prompt_ids = rng.integers(0, vocab_size, (ROWS, PROMPT_TOKENS))
    forced_ids = rng.integers(0, vocab_size, (ROWS, FORCED_TOKENS))
    for place in range(TOKENS_PER_FRAME, FORCED_TOKENS):
        repeats = rng.random(ROWS) < 0.7
        forced_ids[repeats, place] = forced_ids[repeats, place - TOKENS_PER_FRAME]
    np.savez(path, prompt_ids=prompt_ids, forced_ids=forced_ids)
    return path
