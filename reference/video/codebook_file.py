"""`codebook.safetensors` of a video model: the patches its tokens stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.safetensors_file import get_tensor_label, read_header, read_tensor
from fastcar.reference.video.codec import PatchCodec
from fastcar.reference.video.geometry import VideoGeometry

CODEBOOK_FILE = "codebook.safetensors"
CODEBOOK = "codebook"
"""The only tensor of the file."""


def read_codec(directory: Path, geometry: VideoGeometry) -> PatchCodec:
    """Read the codebook, [codes, patch * patch] of F64, F32, F16 or BF16.

    Args:
        directory: of the video model.
        geometry: says how large a patch is.

    Raises:
        CheckpointError: no such file, another tensor, type or shape, or a value that is not a
            number in [0, 1].
    """
    path = directory / CODEBOOK_FILE
    places = read_header(path)
    for name in sorted(places.keys() - {CODEBOOK}):
        raise CheckpointError(str(places[name]), "an unknown tensor", f"'{CODEBOOK}' alone")
    if CODEBOOK not in places:
        limit = "a tensor [codes, patch_pixels * patch_pixels]"
        raise CheckpointError(get_tensor_label(path, CODEBOOK), "nothing", limit)
    place = places[CODEBOOK]
    num_values = geometry.patch_pixels**2
    if len(place.shape) != 2 or place.shape[1] != num_values:
        limit = f"[codes, {num_values}], patch_pixels = {geometry.patch_pixels} squared"
        raise CheckpointError(f"{place}: shape", list(place.shape), limit)
    # float64 holds all types exactly, so the values of the file are looked at, not rounded ones
    values = read_tensor(place, np.float64)
    outside = np.argwhere((values < 0) | (values > 1))
    if len(outside):
        row, column = (int(index) for index in outside[0])
        raise CheckpointError(
            str(place), f"{values[row, column]} at [{row}, {column}]", "in [0, 1]"
        )
    return PatchCodec(values.astype(np.float32))
