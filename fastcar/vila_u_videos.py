"""Prompts and pixels of a VILA-U generation, and the model as `GenerationRequest` asks about it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arguments import check_argument
from fastcar.reference.arrays import BoolArray, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.files.tokens_file import read_prompt
from fastcar.reference.matrix import DecoderWeights
from fastcar.reference.vila_u.checkpoint import load_vila_u, load_vila_u_pixels
from fastcar.reference.vila_u.model import VilaUModel
from fastcar.reference.vila_u.pixel_decoder import PixelDecoder, to_bytes
from fastcar.reference.vila_u.prompts import (
    UNCONDITIONAL_TEXT,
    PromptRows,
    get_video_start,
    make_prompt_ids,
    make_prompt_rows,
)
from fastcar.reference.vila_u.tokenizer import load_tokenizer

DEFAULT_FRAMES = 8
"""Where the checkpoint does not say; fixed in the published code."""
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class VilaUVideos:
    """A VILA-U model with the prompts of a batch.

    Attributes:
        model: weights.
        pixels: from latents to pictures.
        labels: of the videos, for reports and pictures.
        rows: prompts, conditional rows first.
    """

    model: VilaUModel
    pixels: PixelDecoder
    labels: tuple[str, ...]
    rows: PromptRows

    @property
    def config(self) -> ModelConfig:
        """Sizes of the body."""
        return self.model.config.llm

    @property
    def weights(self) -> DecoderWeights:
        """Of the body."""
        return self.model.weights

    @property
    def directory(self) -> Path:
        """Of the checkpoint."""
        return self.model.directory

    @property
    def name(self) -> str:
        """Of the directory."""
        return self.model.directory.resolve().name

    @property
    def geometry(self) -> VilaUVideos:
        """Frames and their sizes, here."""
        return self

    @property
    def vocabulary(self) -> VilaUVideos:
        """The length of prompts, here."""
        return self

    @property
    def frames(self) -> int:
        """Of a video, as trained."""
        found = self.model.config.num_frames
        return DEFAULT_FRAMES if found is None else found

    @property
    def tokens_per_frame(self) -> int:
        """N."""
        return self.model.config.vision.tokens_per_frame

    @property
    def codebook(self) -> None:
        """A code alone has no patch: gates that compare codes compare embeddings."""

    @property
    def prompt_tokens(self) -> int:
        """P."""
        return int(self.rows.ids.shape[1])

    def render(self, codes: TokenIds) -> NDArray[np.uint8]:
        """Pictures [b, frames, h, w, 3] of codes [b, T, D], bytes as published."""
        frames = codes.reshape(-1, self.tokens_per_frame, codes.shape[-1])
        pixels = self.pixels.decode(self.model.compute_latents(frames))
        colours = to_bytes(pixels).transpose(0, 2, 3, 1)
        return colours.reshape(len(codes), -1, *colours.shape[1:])


def compute_luminance(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[..., h, w] in [0, 1] of colours [..., h, w, 3].

    >>> compute_luminance(np.full((1, 1, 3), 255, np.uint8)).round(6).tolist()
    [[1.0]]
    """
    grey: NDArray[np.float32] = colours.astype(np.float32) @ (_LUMINANCE / np.float32(255))
    return grey


def load_vila_u_videos(
    directory: PathLike,
    texts: tuple[str, ...],
    prompt_ids: PathLike | None,
    batch: int,
    dtype: type[np.float32] | type[np.float64],
) -> VilaUVideos:
    """Load a checkpoint and the prompts of a batch.

    Args:
        directory: of the checkpoint.
        texts: prompts, cut by the tokenizer beside the body.
        prompt_ids: in their place an .npz file with prompt_ids [R, P], conditional rows first, and
            perhaps prompt_mask.
        batch: videos per prompt.
        dtype: of the arithmetic.

    Raises:
        ArgumentError: both or neither, or ids that do not fit the model.
        CheckpointError: a file that cannot be used.
    """
    if bool(texts) == (prompt_ids is not None):
        found = "both" if texts else "neither"
        raise ArgumentError("prompt, prompt_ids", found, "one of the two")
    model = load_vila_u(directory, dtype)
    labels, ids, mask = _read_rows(model, texts, prompt_ids)
    model.check_prompt(ids, mask)
    num_prompts = len(ids) // 2
    order = np.repeat(np.arange(num_prompts), batch)
    order = np.concatenate([order, order + num_prompts])
    rows = PromptRows(ids[order], mask[order])
    names = tuple(label for label in labels for _ in range(batch))
    return VilaUVideos(model, load_vila_u_pixels(model.config), names, rows)


def _read_rows(
    model: VilaUModel, texts: tuple[str, ...], prompt_ids: PathLike | None
) -> tuple[list[str], TokenIds, BoolArray]:
    config = model.config
    if prompt_ids is not None:
        path = check_argument("prompt_ids", prompt_ids, PathLike)
        ids, mask = read_prompt(path, config.llm.max_position_embeddings)
        labels = [f"{Path(path).name}:{index}" for index in range(len(ids) // 2)]
        return labels, ids, np.ones(ids.shape, bool) if mask is None else mask
    vocab_size = config.llm.vocab_size
    encoder = load_tokenizer(config.folders.llm, vocab_size)
    start = get_video_start(vocab_size)
    prompts = [make_prompt_ids(encoder, text, start) for text in texts]
    nothing = make_prompt_ids(encoder, UNCONDITIONAL_TEXT, start)
    rows = make_prompt_rows(prompts, nothing, vocab_size)
    return list(texts), rows.ids, rows.mask
