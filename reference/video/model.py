"""A video model on disk: a Llama directory with a codebook, the geometry and recorded clips."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from fastcar.reference.clip_model import TokenRows
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.generate import Prompts
from fastcar.reference.sampling import make_streams
from fastcar.reference.video.codec import PatchCodec
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.prompt import Prompt, PromptVocabulary, draw_start
from fastcar.reference.weights import ModelWeights

SHIPPED_MODEL = Path(__file__).parent / "moving_digits_16x64"
"""Directory of the model that the package ships."""


@dataclass(frozen=True)
class Clips:
    """Real clips with known truth.

    Attributes:
        token_ids: [clips, frames * N] int64, the codec's tokens of the true video.
        prompts: what each clip shows.
    """

    token_ids: NDArray[np.int64]
    prompts: tuple[Prompt, ...]

    def take(self, count: int) -> Clips:
        """The first `count` clips."""
        if not 1 <= count <= len(self.prompts):
            raise ArgumentError("clips", count, f"in [1, {len(self.prompts)}]")
        return Clips(self.token_ids[:count], self.prompts[:count])


@dataclass(frozen=True)
class VideoModel:
    """Everything needed to turn prompts into videos.

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
    def vocabulary(self) -> PromptVocabulary:
        """Token ids of prompts."""
        return PromptVocabulary(self.codec.num_codes, self.geometry.positions_per_axis)

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

    def encode_prompts(self, prompts: Sequence[Prompt]) -> Prompts:
        """Token ids of prompts and of as many unconditional ones."""
        conditional = [self.vocabulary.encode(prompt) for prompt in prompts]
        unconditional = [self.vocabulary.encode_unconditional()] * len(prompts)
        return Prompts(np.array(conditional, np.int64), np.array(unconditional, np.int64))

    def draw_starts(self, prompts: Sequence[Prompt], seed: int) -> tuple[Prompt, ...]:
        """Prompts whose missing start places are drawn, one stream per video (D-12, D-15)."""
        streams = make_streams(seed, len(prompts))
        places = self.geometry.positions_per_axis
        return tuple(
            draw_start(prompt, places, stream)
            for prompt, stream in zip(prompts, streams, strict=True)
        )

    def render(self, token_ids: NDArray[np.integer]) -> NDArray[np.float32]:
        """[videos, frames * N] tokens to [videos, frames, H, W] pixels in [0, 1]."""
        frames = token_ids.reshape(len(token_ids), -1, self.geometry.tokens_per_frame)
        return self.codec.decode(frames, self.geometry.patches_per_side)

    def load_clips(self, name: str) -> Clips:
        """Recorded clips: "calibration" (training digits) or "held_out" (digits never seen).

        Each has 32 frames, twice the training length, so that longer runs have a truth too.
        """
        path = self.directory / "clips.safetensors"
        arrays = _load_arrays(path)
        wanted = (f"{name}.token_ids", f"{name}.prompts")
        if not set(wanted) <= set(arrays):
            known = sorted({key.split(".")[0] for key in arrays})
            raise ArgumentError("clips", name, f"one of {known}")
        token_ids, fields = (arrays[key].astype(np.int64) for key in wanted)
        prompts = tuple(Prompt(*(int(field) for field in row)) for row in fields)
        return Clips(token_ids, prompts)


def load_video_model(
    directory: str | os.PathLike[str] = SHIPPED_MODEL,
    dtype: type[np.float32] | type[np.float64] = np.float32,
) -> VideoModel:
    """Load the shipped model, or another with the same files.

    Args:
        directory: holds config.json, model.safetensors, codebook.safetensors and video.json.
        dtype: of the decoder's arithmetic.
    """
    root = Path(directory)
    config, weights = load_checkpoint(root, dtype)
    arrays = _load_arrays(root / "codebook.safetensors")
    if "codebook" not in arrays:
        raise CheckpointError(str(root / "codebook.safetensors"), sorted(arrays), "'codebook'")
    codec = PatchCodec(arrays["codebook"].astype(np.float32))
    geometry = _load_geometry(root / "video.json")
    vocab_size = PromptVocabulary(codec.num_codes, geometry.positions_per_axis).vocab_size
    if config.vocab_size != vocab_size:
        limit = f"vocab_size {vocab_size}, the codebook's and the prompts' together"
        raise CheckpointError(str(root), f"vocab_size {config.vocab_size}", limit)
    return VideoModel(config, weights, codec, geometry, root)


def _load_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        arrays: dict[str, NDArray[np.generic]] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(str(path), str(error), "a safetensors file") from error
    return arrays


def _load_geometry(path: Path) -> VideoGeometry:
    names = set(VideoGeometry.__dataclass_fields__)
    limit = f"a JSON object of whole numbers {sorted(names)}"
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(str(path), str(error), limit) from error
    if not isinstance(fields, dict) or set(fields) != names:
        raise CheckpointError(str(path), fields, limit)
    if any(type(value) is not int for value in fields.values()):
        raise CheckpointError(str(path), fields, limit)
    return VideoGeometry(**fields)
