"""`clips.safetensors` of a video model: recorded clips, whose true tokens are known.

For every split NAME (the shipped model has `calibration` and `held_out`) two tensors of integers:

- `NAME.token_ids` [clips, tokens]: the codec's tokens of whole frames, as many as video.json says
  or more.
- `NAME.prompts` [clips, 3 or 5]: digit, velocity_x, velocity_y, perhaps start_x, start_y.

All of it is checked as soon as any of it is asked for, so nothing is decoded of a wrong file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.json_file import describe_path
from fastcar.reference.files.safetensors_file import (
    INDEX_DTYPES,
    TensorPlace,
    get_tensor_label,
    read_header,
    read_integers,
)
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.prompt import Prompt, PromptVocabulary

CLIPS_FILE = "clips.safetensors"
PARTS = ("token_ids", "prompts")
"""Tensors of a split, behind its name and a dot."""
PROMPT_COLUMNS = (3, 5)
"""Columns of the prompts, without and with the start places."""


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


def read_clips(
    directory: Path, geometry: VideoGeometry, vocabulary: PromptVocabulary
) -> dict[str, Clips]:
    """Read and check all recorded clips, by the name of their split.

    Args:
        directory: of the video model.
        geometry: says how many tokens a frame has.
        vocabulary: says how many codes there are, and encodes every prompt.

    Raises:
        CheckpointError: no such file, a tensor that is missing or unknown, another type or shape,
            a token that is no code, or a prompt that the model has no token for.
    """
    path = directory / CLIPS_FILE
    places = read_header(path, INDEX_DTYPES)
    splits = sorted({_get_split(place) for place in places.values()})
    if not splits:
        limit = "at least one split of token_ids and prompts"
        raise CheckpointError(describe_path(path), "no tensors", limit)
    for split in splits:
        for part in PARTS:
            if f"{split}.{part}" not in places:
                label = get_tensor_label(path, f"{split}.{part}")
                raise CheckpointError(label, "nothing", f"there, as {split} has clips")
    return {split: _read_split(places, split, geometry, vocabulary) for split in splits}


def _get_split(place: TensorPlace) -> str:
    match = re.fullmatch(rf"([a-z_]+)\.({'|'.join(PARTS)})", place.name)
    if match is None:
        limit = " or ".join(f"'SPLIT.{part}'" for part in PARTS) + ", SPLIT of a-z and _"
        raise CheckpointError(str(place), "an unknown tensor", limit)
    return match[1]


def _read_split(
    places: Mapping[str, TensorPlace],
    split: str,
    geometry: VideoGeometry,
    vocabulary: PromptVocabulary,
) -> Clips:
    ids_place, prompts_place = (places[f"{split}.{part}"] for part in PARTS)
    num_clips = prompts_place.shape[0] if prompts_place.shape else 0
    if len(prompts_place.shape) != 2 or prompts_place.shape[1] not in PROMPT_COLUMNS:
        limit = "[clips, 3 or 5]: digit, velocity_x, velocity_y, perhaps start_x, start_y"
        raise CheckpointError(f"{prompts_place}: shape", list(prompts_place.shape), limit)
    frame, shape = geometry.tokens_per_frame, ids_place.shape
    least = geometry.frames * frame
    if len(shape) != 2 or shape[0] != num_clips or shape[1] % frame or shape[1] < least:
        limit = f"[{num_clips}, at least {least} in whole frames of {frame}], a row for each prompt"
        raise CheckpointError(f"{ids_place}: shape", list(shape), limit)
    token_ids = read_integers(ids_place)
    outside = np.argwhere((token_ids < 0) | (token_ids >= vocabulary.num_codes))
    if len(outside):
        row, column = (int(index) for index in outside[0])
        limit = f"in [0, {vocabulary.num_codes}), the codes"
        raise CheckpointError(
            str(ids_place), f"{token_ids[row, column]} at [{row}, {column}]", limit
        )
    return Clips(token_ids.astype(np.int64), _read_prompts(prompts_place, vocabulary))


def _read_prompts(place: TensorPlace, vocabulary: PromptVocabulary) -> tuple[Prompt, ...]:
    prompts = []
    for row, fields in enumerate(read_integers(place).tolist()):
        try:
            prompts.append(Prompt(*fields))
            vocabulary.encode(prompts[-1])
        except ArgumentError as error:
            found = f"{error.argument} = {error.value} in row {row}"
            raise CheckpointError(str(place), found, error.limit) from error
    return tuple(prompts)
