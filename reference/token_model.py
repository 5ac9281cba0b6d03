"""Any Llama directory with the tokens of a file: a model without prompts and pixels."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.clip_model import ClipModel, TokenRows
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.files.config_file import load_config
from fastcar.reference.files.quantization_config import get_quantization
from fastcar.reference.files.tokens_file import read_tokens
from fastcar.reference.generate import Prompts
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.video.model import SHIPPED_MODEL, load_video_model
from fastcar.reference.vila_u.config import is_vila_u
from fastcar.reference.weights import ModelWeights

VILA_U_LIMIT = "a Llama or a video model: VILA-U is taken by trace, generate, quantize, predict"
"""Its codes are no ids of a vocabulary, which all that asks for a `ClipModel` takes them for."""


@dataclass(frozen=True)
class TokenModel:
    """A Llama with rows of tokens; implements `fastcar.reference.clip_model.ClipModel`.

    The same rows calibrate and measure: a file has no split.

    Attributes:
        config: sizes of the decoder.
        weights: of the decoder.
        rows: what it is fed.
        tokens_per_frame: N.
        directory: where the model was loaded from.
        tokens: where the rows were.
    """

    config: ModelConfig
    weights: ModelWeights
    rows: TokenRows
    tokens_per_frame: int
    directory: Path
    tokens: Path

    @property
    def name(self) -> str:
        """Of the directory."""
        return self.directory.resolve().name

    @property
    def num_frames(self) -> int:
        """Whole frames of the rows; at least 1, which may be cut."""
        return max(1, self.rows.count_frames(self.tokens_per_frame))

    @property
    def num_codes(self) -> int:
        """The whole vocabulary may be drawn."""
        return self.config.vocab_size

    @property
    def codebook(self) -> None:
        """No pixels, no patches."""

    @property
    def has_pixels(self) -> bool:
        """Nobody knows how to draw the tokens."""
        return False

    def load_rows(self, split: str) -> TokenRows:
        """The rows, whatever the split."""
        del split
        return self.rows

    def render(self, token_ids: NDArray[np.integer]) -> None:
        """No pixels."""
        del token_ids

    def get_loader(self) -> Callable[[], ClipModel]:
        """Loads both files again."""
        dtype = self.weights.dtype.type
        return partial(load_token_model, self.directory, self.tokens, self.tokens_per_frame, dtype)


def load_token_model(
    directory: str | os.PathLike[str],
    tokens: str | os.PathLike[str],
    tokens_per_frame: int,
    dtype: type[np.float32] | type[np.float64] = np.float32,
) -> TokenModel:
    """A Llama directory and a file of tokens.

    Args:
        directory: of the checkpoint.
        tokens: an .npz file as `fastcar trace` takes it, without padding.
        tokens_per_frame: N.
        dtype: of the decoder's arithmetic.

    Raises:
        CheckpointError: a file that cannot be used, padded prompts.
        ArgumentError: tokens that do not fit the model.
    """
    ReplayConfig(tokens_per_frame)  # refuses what is no number of tokens
    claimed = load_config(directory, get_quantization(directory))
    given = read_tokens(tokens, claimed.max_position_embeddings)
    if given.prompt_mask is not None and not given.prompt_mask.all():
        limit = "absent or all 1: only trace takes padded prompts"
        raise CheckpointError(f"{tokens}: prompt_mask", "padding", limit)
    config, weights = load_checkpoint(directory, dtype)
    given.check_model(config)
    if tokens_per_frame > config.max_position_embeddings:
        limit = f"at most {config.position_limit}"
        raise ArgumentError("tokens_per_frame", tokens_per_frame, limit)
    prompts = Prompts(given.prompt_ids, given.prompt_ids)
    rows = TokenRows(prompts, given.forced_ids, f"the rows of {Path(tokens).name}")
    return TokenModel(config, weights, rows, tokens_per_frame, Path(directory), Path(tokens))


def is_video_model(directory: str | os.PathLike[str]) -> bool:
    """Whether a directory says that it is one."""
    return os.path.lexists(Path(directory) / "video.json")


def load_clip_model(
    directory: str | os.PathLike[str] = SHIPPED_MODEL,
    tokens: str | os.PathLike[str] | None = None,
    tokens_per_frame: int | None = None,
    dtype: type[np.float32] | type[np.float64] = np.float32,
) -> ClipModel:
    """A video model with its recorded clips, or any Llama directory with a file of tokens.

    Args:
        directory: of the model.
        tokens: .npz file; None = the directory's clips.
        tokens_per_frame: N of the file; given together with `tokens`.
        dtype: of the decoder's arithmetic.

    Raises:
        ArgumentError: one of the two without the other, or tokens that do not fit.
        CheckpointError: a file that cannot be used.
    """
    if tokens is None:
        if tokens_per_frame is not None:
            raise ArgumentError("tokens_per_frame", tokens_per_frame, "given together with tokens")
        is_directory = os.path.isdir(directory)  # noqa: PTH112 - it never raises
        if is_directory and not is_video_model(directory):
            limit = "those of a video model; any other Llama needs tokens and tokens_per_frame"
            if is_vila_u(directory):
                raise CheckpointError(str(directory), "a VILA-U model", VILA_U_LIMIT)
            raise CheckpointError(str(directory), "no clips", limit)
        return load_video_model(directory, dtype)
    if tokens_per_frame is None:
        raise ArgumentError("tokens_per_frame", None, "given together with tokens")
    if is_vila_u(directory):
        raise CheckpointError(str(directory), "a VILA-U model", VILA_U_LIMIT)
    return load_token_model(directory, tokens, tokens_per_frame, dtype)
