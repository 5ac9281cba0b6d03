"""`clips.safetensors` of a video model: recorded clips, whose true tokens are known.

For every split NAME (the shipped model has `calibration` and `held_out`) two tensors of integers:

- `NAME.token_ids` [clips, tokens]: the codec's tokens of whole frames, as many as video.json says
  or more.
- `NAME.prompts` [clips, 3 or 5]: digit, velocity_x, velocity_y, perhaps start_x, start_y. A model
  that takes no prompt has none (D-57).

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
from fastcar.reference.video.prompt import Prompt
from fastcar.reference.video.vocabulary import BeginVocabulary, Vocabulary

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
        prompts: what each clip shows; None of a model that takes no prompt.
    """

    token_ids: NDArray[np.int64]
    prompts: tuple[Prompt | None, ...]

    def take(self, count: int) -> Clips:
        """The first `count` clips."""
        if not 1 <= count <= len(self.prompts):
            raise ArgumentError("clips", count, f"in [1, {len(self.prompts)}]")
        return Clips(self.token_ids[:count], self.prompts[:count])


def read_clips(
    directory: Path, geometry: VideoGeometry, vocabulary: Vocabulary
) -> dict[str, Clips]:
    """Read and check all recorded clips, by the name of their split.

    Args:
        directory: of the video model.
        geometry: says how many tokens a frame has.
        vocabulary: says how many codes there are, and encodes every prompt.

    Raises:
        CheckpointError: no such file, a tensor that is missing or unknown, another type or shape,
            a token that is no code, a prompt that the model has no token for, or any prompts of a
            model that takes none.
    """
    path = directory / CLIPS_FILE
    places = read_header(path, INDEX_DTYPES)
    parts = _list_parts(vocabulary)
    splits = sorted({_get_split(place, parts) for place in places.values()})
    if not splits:
        limit = f"at least one split of {' and '.join(parts)}"
        raise CheckpointError(describe_path(path), "no tensors", limit)
    for split in splits:
        for part in parts:
            if f"{split}.{part}" not in places:
                label = get_tensor_label(path, f"{split}.{part}")
                raise CheckpointError(label, "nothing", f"there, as {split} has clips")
    return {split: _read_split(places, split, geometry, vocabulary) for split in splits}


def _list_parts(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Tensors that every split has."""
    return PARTS[:1] if isinstance(vocabulary, BeginVocabulary) else PARTS


def _get_split(place: TensorPlace, parts: tuple[str, ...]) -> str:
    match = re.fullmatch(rf"([a-z_]+)\.({'|'.join(PARTS)})", place.name)
    if match is None:
        limit = " or ".join(f"'SPLIT.{part}'" for part in parts) + ", SPLIT of a-z and _"
        raise CheckpointError(str(place), "an unknown tensor", limit)
    if match[2] not in parts:
        limit = "left out: without digit_pixels in video.json the model takes no prompt"
        raise CheckpointError(str(place), "prompts", limit)
    return match[1]


def _read_split(
    places: Mapping[str, TensorPlace],
    split: str,
    geometry: VideoGeometry,
    vocabulary: Vocabulary,
) -> Clips:
    ids_place = places[f"{split}.token_ids"]
    if isinstance(vocabulary, BeginVocabulary):
        token_ids = _read_tokens(ids_place, geometry, vocabulary.num_codes, None)
        return Clips(token_ids, (None,) * len(token_ids))
    prompts_place = places[f"{split}.prompts"]
    if len(prompts_place.shape) != 2 or prompts_place.shape[1] not in PROMPT_COLUMNS:
        limit = "[clips, 3 or 5]: digit, velocity_x, velocity_y, perhaps start_x, start_y"
        raise CheckpointError(f"{prompts_place}: shape", list(prompts_place.shape), limit)
    num_clips = prompts_place.shape[0]
    token_ids = _read_tokens(ids_place, geometry, vocabulary.num_codes, num_clips)
    return Clips(token_ids, _read_prompts(prompts_place, vocabulary))


def _read_tokens(
    place: TensorPlace, geometry: VideoGeometry, num_codes: int, num_clips: int | None
) -> NDArray[np.int64]:
    """[clips, tokens]; as many clips as there are prompts, or any number with None."""
    frame, shape = geometry.tokens_per_frame, place.shape
    least = geometry.frames * frame
    is_other = num_clips is not None and shape[:1] != (num_clips,)
    if len(shape) != 2 or is_other or shape[1] % frame or shape[1] < least:
        rows = "clips" if num_clips is None else num_clips
        limit = f"[{rows}, at least {least} in whole frames of {frame}], a row for each " + (
            "clip" if num_clips is None else "prompt"
        )
        raise CheckpointError(f"{place}: shape", list(shape), limit)
    token_ids = read_integers(place)
    outside = np.argwhere((token_ids < 0) | (token_ids >= num_codes))
    if len(outside):
        row, column = (int(index) for index in outside[0])
        found = f"{token_ids[row, column]} at [{row}, {column}]"
        raise CheckpointError(str(place), found, f"in [0, {num_codes}), the codes")
    return token_ids.astype(np.int64)


def _read_prompts(place: TensorPlace, vocabulary: Vocabulary) -> tuple[Prompt, ...]:
    prompts: list[Prompt] = []
    for row, fields in enumerate(read_integers(place).tolist()):
        try:
            prompts.append(Prompt(*fields))
            vocabulary.encode(prompts[-1])
        except ArgumentError as error:
            found = f"{error.argument} = {error.value} in row {row}"
            raise CheckpointError(str(place), found, error.limit) from error
    return tuple(prompts)
