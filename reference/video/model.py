"""A video model on disk: a Llama directory with a codebook, the geometry and recorded clips."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arguments import check_argument
from fastcar.reference.clip_model import TokenRows
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.generate import Prompts
from fastcar.reference.sampling import make_streams
from fastcar.reference.video.clips_file import Clips, read_clips
from fastcar.reference.video.codec import PatchCodec
from fastcar.reference.video.companion_files import read_companions
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.prompt import Prompt, draw_start
from fastcar.reference.video.shipped_models import FOLDERS, ROOT
from fastcar.reference.video.vocabulary import Vocabulary, make_vocabulary
from fastcar.reference.weights import ModelWeights

SHIPPED_MODEL = ROOT / FOLDERS["moving_digits"]
"""Directory of the shipped model that is taken where nothing is said."""


@dataclass(frozen=True)
class VideoModel:
    """Everything needed to make videos, of prompts or of "begin" alone.

    Attributes:
        config: sizes of the decoder.
        weights: of the decoder.
        codec: tokens to pixels.
        geometry: frames, canvas, patches.
        directory: where it was loaded from.
    """

    config: ModelConfig
    weights: ModelWeights
    codec: PatchCodec
    geometry: VideoGeometry
    directory: Path

    @property
    def vocabulary(self) -> Vocabulary:
        """Token ids of prompts, or of "begin" alone."""
        return make_vocabulary(self.codec.num_codes, self.geometry)

    @property
    def takes_prompts(self) -> bool:
        """Whether a prompt can say anything; without, "begin" alone starts a video (D-57)."""
        return self.geometry.digit_pixels is not None

    @property
    def name(self) -> str:
        """Of the directory."""
        return self.directory.resolve().name

    @property
    def tokens_per_frame(self) -> int:
        """N: patches of a frame."""
        return self.geometry.tokens_per_frame

    @property
    def num_frames(self) -> int:
        """Frames that the model was trained for."""
        return self.geometry.frames

    @property
    def num_codes(self) -> int:
        """Codes of the codebook; ids of prompts follow."""
        return self.codec.num_codes

    @property
    def codebook(self) -> NDArray[np.float32]:
        """[K, patch * patch] in [0, 1], patch of every code."""
        return self.codec.codebook

    @property
    def has_pixels(self) -> bool:
        """The codebook has them."""
        return True

    def load_rows(self, split: str) -> TokenRows:
        """The recorded clips as tokens, see `load_clips`."""
        clips = self.load_clips(split)
        prompts = self.encode_prompts(clips.prompts)
        return TokenRows(prompts, clips.token_ids, f"the recorded {split} clips")

    def get_loader(self) -> Callable[[], VideoModel]:
        """Loads the directory again."""
        return partial(load_video_model, self.directory, self.weights.dtype.type)

    def encode_prompts(self, prompts: Sequence[Prompt | None]) -> Prompts:
        """Token ids of prompts and of as many unconditional ones; None says nothing.

        Raises:
            ArgumentError: a prompt of a model that takes none.
        """
        conditional = [self.vocabulary.encode(prompt) for prompt in prompts]
        unconditional = [self.vocabulary.encode_unconditional()] * len(prompts)
        return Prompts(np.array(conditional, np.int64), np.array(unconditional, np.int64))

    def draw_starts(self, prompts: Sequence[Prompt | None], seed: int) -> tuple[Prompt | None, ...]:
        """Prompts whose missing start places are drawn, one stream per video (D-12, D-15).

        None, which says nothing, stays None.
        """
        if not self.takes_prompts:
            return tuple(prompts)
        streams = make_streams(seed, len(prompts))
        places = self.geometry.positions_per_axis
        return tuple(
            None if prompt is None else draw_start(prompt, places, stream)
            for prompt, stream in zip(prompts, streams, strict=True)
        )

    def render(self, token_ids: NDArray[np.integer]) -> NDArray[np.float32]:
        """[videos, frames * N] tokens to [videos, frames, H, W] pixels in [0, 1]."""
        frames = token_ids.reshape(len(token_ids), -1, self.geometry.tokens_per_frame)
        return self.codec.decode(frames, self.geometry.patches_per_side)

    def load_clips(self, name: str) -> Clips:
        """Recorded clips of a split; the whole file is checked.

        The model of moving digits has "calibration" (training digits) and "held_out" (digits never
        seen). Each clip has 32 frames, twice the training length, so that longer runs have a truth
        too.

        Raises:
            ArgumentError: no split of this name.
            CheckpointError: what `fastcar.reference.video.clips_file.read_clips` refuses.
        """
        recorded = read_clips(self.directory, self.geometry, self.vocabulary)
        if name not in recorded:
            raise ArgumentError("clips", name, f"one of {sorted(recorded)}")
        return recorded[name]


def load_video_model(
    directory: str | os.PathLike[str] = SHIPPED_MODEL,
    dtype: type[np.float32] | type[np.float64] = np.float32,
) -> VideoModel:
    """Load the shipped model of moving digits, or another of the same format (docs/video_model.md).

    Args:
        directory: of `shipped_model`, or of one's own; holds config.json, the weights,
            codebook.safetensors and video.json.
        dtype: of the decoder's arithmetic.

    Raises:
        CheckpointError: a file that is missing or wrong, or one that does not fit the others.
    """
    root = Path(check_argument("checkpoint", directory, str | os.PathLike[str]))
    config, weights = load_checkpoint(root, dtype)
    codec, geometry = read_companions(root, config)
    return VideoModel(config, weights, codec, geometry, root)
