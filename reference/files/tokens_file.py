"""`TOKENS.npz` of the commands: a file from anywhere, so nothing in it is believed unchecked."""

from __future__ import annotations

import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.json_file import describe_path, get_file_size

MAX_TOKENS_BYTES = 2**28
"""Largest array that is unpacked: a zip file can expand to a thousand times its size."""


@dataclass(frozen=True)
class GivenTokens:
    """Tokens of a teacher-forced run.

    Attributes:
        prompt_ids: [B, P] int64.
        forced_ids: [B, S] int64.
        prompt_mask: [B, P] bool, False for padding at the left; None = no padding.
    """

    prompt_ids: TokenIds
    forced_ids: TokenIds
    prompt_mask: BoolArray | None

    def check_model(self, config: ModelConfig) -> None:
        """Refuse ids outside of [0, vocab_size) and more tokens than the model has positions.

        Raises:
            ArgumentError: before anything is decoded.
        """
        num_tokens = self.prompt_ids.shape[1] + self.forced_ids.shape[1]
        if num_tokens > config.max_position_embeddings:
            limit = f"at most {config.max_position_embeddings}, the model's position limit"
            raise ArgumentError("prompt and forced tokens", num_tokens, limit)
        vocab_size = config.vocab_size
        for name, ids in (("prompt_ids", self.prompt_ids), ("forced_ids", self.forced_ids)):
            for worst in (int(ids.min()), int(ids.max())):
                if not 0 <= worst < vocab_size:
                    raise ArgumentError(name, worst, f"in [0, vocab_size = {vocab_size})")


def read_tokens(path: str | os.PathLike[str]) -> GivenTokens:
    """Read `prompt_ids`, `forced_ids` and perhaps `prompt_mask`; other arrays are not touched.

    Args:
        path: an .npz file.

    Raises:
        CheckpointError: no .npz file, a damaged one, or arrays of the wrong type or shape.
        ArgumentError: more rows or tokens than fit together.
    """
    file = Path(path)
    get_file_size(file)
    try:
        with zipfile.ZipFile(file) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist()}
            prompt_ids = _read_ids(archive, file, members, "prompt_ids")
            forced_ids = _read_ids(archive, file, members, "forced_ids")
            mask = None
            if "prompt_mask" in members:
                mask = _read_mask(archive, file, members)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise CheckpointError(describe_path(file), _describe(error), "an .npz file") from error
    if len(forced_ids) != len(prompt_ids):
        raise ArgumentError("forced_ids rows", len(forced_ids), f"{len(prompt_ids)}, as prompt_ids")
    if mask is not None and mask.shape != prompt_ids.shape:
        raise ArgumentError("prompt_mask shape", mask.shape, f"{prompt_ids.shape}, as prompt_ids")
    return GivenTokens(prompt_ids, forced_ids, mask)


def _read_ids(archive: zipfile.ZipFile, file: Path, members: dict[str, str], name: str) -> TokenIds:
    array = _read_array(archive, file, members, name)
    place = f"{describe_path(file)}: {name}"
    if array.dtype.kind not in "iu":
        raise CheckpointError(place, f"dtype {array.dtype}", "an integer array")
    if array.ndim != 2 or not array.size:
        raise CheckpointError(place, f"shape {array.shape}", "[rows, tokens], none of them 0")
    if int(array.max()) > np.iinfo(np.int64).max:
        raise CheckpointError(place, int(array.max()), "at most 2**63 - 1")
    return array.astype(np.int64)


def _read_mask(archive: zipfile.ZipFile, file: Path, members: dict[str, str]) -> BoolArray:
    array = _read_array(archive, file, members, "prompt_mask")
    place = f"{describe_path(file)}: prompt_mask"
    if array.dtype.kind not in "biu" or not np.isin(array, (0, 1)).all():
        raise CheckpointError(place, f"dtype {array.dtype}", "an array of 0 and 1")
    return array.astype(bool)


def _read_array(
    archive: zipfile.ZipFile, file: Path, members: dict[str, str], name: str
) -> NDArray[Any]:
    if name not in members:
        found = ", ".join(sorted(members)) or "nothing"
        raise CheckpointError(describe_path(file), found, f"an .npz file with {name}")
    place = f"{describe_path(file)}: {name}"
    member = archive.getinfo(members[name])
    if member.file_size > MAX_TOKENS_BYTES:
        limit = f"at most {MAX_TOKENS_BYTES} bytes"
        raise CheckpointError(place, f"{member.file_size} bytes", limit)
    limit = "a NumPy array of integers"
    try:
        with archive.open(member) as stream:
            _check_claim(stream, member.file_size, place)
        with archive.open(member) as stream:
            array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(place, _describe(error), limit) from error
    return array


def _check_claim(stream: Any, num_bytes: int, place: str) -> None:
    """Refuse a header that claims more than the member holds, before anything is allocated."""
    version = np.lib.format.read_magic(stream)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(stream)
    claimed = dtype.itemsize
    for size in shape:
        claimed *= size
    if claimed > num_bytes or any(size < 0 for size in shape):
        found = f"{dtype} of shape {shape}"
        raise CheckpointError(place, found, f"no more than its {num_bytes} bytes")


def _describe(error: BaseException) -> str:
    """First line of an error's text, printable."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    return text if text.isprintable() else ascii(text)
