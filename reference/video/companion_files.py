"""What makes a Llama directory a video model: the files beside config and weights."""

from __future__ import annotations

import os
from pathlib import Path

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe_path
from fastcar.reference.video.clips_file import CLIPS_FILE, read_clips
from fastcar.reference.video.codebook_file import CODEBOOK_FILE, read_codec
from fastcar.reference.video.codec import PatchCodec
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.geometry_file import GEOMETRY_FILE, read_geometry
from fastcar.reference.video.vocabulary import BeginVocabulary, make_vocabulary


def read_companions(directory: Path, config: ModelConfig) -> tuple[PatchCodec, VideoGeometry]:
    """Codebook and sizes of a video model, which fit the decoder's vocabulary and positions.

    Args:
        directory: of the video model.
        config: of its decoder.

    Raises:
        CheckpointError: a file that is missing or wrong, another vocabulary, or too few positions
            for a video.
    """
    geometry = read_geometry(directory)
    codec = read_codec(directory, geometry)
    place = describe_path(directory / "config.json")
    vocabulary = make_vocabulary(codec.num_codes, geometry)
    if config.vocab_size != vocabulary.vocab_size:
        whose = "the codebook's and the prompts' together"
        if isinstance(vocabulary, BeginVocabulary):
            whose = "the codebook's and one more, as video.json has no digit_pixels"
        limit = f"{vocabulary.vocab_size}, {whose}"
        raise CheckpointError(f"{place}: vocab_size", config.vocab_size, limit)
    positions = config.max_position_embeddings
    least = vocabulary.prompt_tokens + geometry.frames * geometry.tokens_per_frame
    if positions < least:
        limit = f"at least {least}: a prompt and {geometry.frames} frames, as video.json says"
        raise CheckpointError(f"{place}: max_position_embeddings", positions, limit)
    return codec, geometry


def find_companions(directory: Path, config: ModelConfig) -> tuple[Path, ...]:
    """The files of a video model beside config and weights; none of another Llama directory.

    Args:
        directory: a video model if it holds video.json.
        config: of its decoder.

    Raises:
        CheckpointError: of a video model, a file that is missing or wrong; clips may be missing.
    """
    if not os.path.lexists(directory / GEOMETRY_FILE):
        return ()
    codec, geometry = read_companions(directory, config)
    names = [GEOMETRY_FILE, CODEBOOK_FILE]
    if os.path.lexists(directory / CLIPS_FILE):
        read_clips(directory, geometry, make_vocabulary(codec.num_codes, geometry))
        names.append(CLIPS_FILE)
    return tuple(directory / name for name in names)
