"""`TOKENS.npz` of the commands: a file from anywhere, so nothing in it is believed unchecked."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError, FastCarError
from fastcar.reference.files.json_file import describe_path, get_file_size

MAX_TOKENS_BYTES = 2**28
"""Largest array that is unpacked: a zip file can expand to a thousand times its size."""

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Others may take gigabytes to unpack anything."""


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
            for worst in (int(ids.min()), int(ids.max())) if ids.size else ():
                if not 0 <= worst < vocab_size:
                    raise ArgumentError(name, worst, f"in [0, vocab_size = {vocab_size})")


@dataclass(frozen=True)
class GivenCodes:
    """Prompts and residual-quantised codes of a teacher-forced run.

    Attributes:
        prompt_ids: [R, P] int64.
        codes: [b, T, D] int64, D codes for each of T positions.
        prompt_mask: [R, P] bool, False for padding at the left; None = no padding.
    """

    prompt_ids: TokenIds
    codes: TokenIds
    prompt_mask: BoolArray | None


def read_codes(path: str | os.PathLike[str], max_tokens: int) -> GivenCodes:
    """Read `prompt_ids`, `codes` and perhaps `prompt_mask`; other arrays are not touched.

    Args:
        path: an .npz file, stored or deflated as NumPy writes it.
        max_tokens: of a row, what the model can take; checked before they are read.

    Raises:
        CheckpointError: no .npz file, a damaged one, or arrays of the wrong type or shape.
        ArgumentError: more tokens than the model can take.
    """
    given = _read_file(Path(path), {"prompt_ids": 2, "codes": 3}, max_tokens)
    return GivenCodes(given[0]["prompt_ids"], given[0]["codes"], given[1])


def read_prompt(path: str | os.PathLike[str], max_tokens: int) -> tuple[TokenIds, BoolArray | None]:
    """Read `prompt_ids` [R, P] and perhaps `prompt_mask`; otherwise as `read_codes`."""
    ids, mask = _read_file(Path(path), {"prompt_ids": 2}, max_tokens)
    return ids["prompt_ids"], mask


def read_tokens(path: str | os.PathLike[str], max_tokens: int | None = None) -> GivenTokens:
    """Read `prompt_ids`, `forced_ids` and perhaps `prompt_mask`; other arrays are not touched.

    Args:
        path: an .npz file, stored or deflated as NumPy writes it.
        max_tokens: of a row, what the model can take; checked before they are read.

    Raises:
        CheckpointError: no .npz file, a damaged one, or arrays of the wrong type or shape.
        ArgumentError: more rows or tokens than fit together, or than the model can take.
    """
    ids, mask = _read_file(Path(path), {"prompt_ids": 2, "forced_ids": 2}, max_tokens)
    prompt_ids, forced_ids = ids["prompt_ids"], ids["forced_ids"]
    if len(forced_ids) != len(prompt_ids):
        raise ArgumentError("forced_ids rows", len(forced_ids), f"{len(prompt_ids)}, as prompt_ids")
    return GivenTokens(prompt_ids, forced_ids, mask)


def _read_file(
    file: Path, names: Mapping[str, int], max_tokens: int | None
) -> tuple[dict[str, TokenIds], BoolArray | None]:
    """Arrays of ids by name, of so many axes each, and the mask of `prompt_ids` if there is one."""
    get_file_size(file)
    mask = None
    try:
        with zipfile.ZipFile(file) as archive:
            members = _list_members(archive, file)
            ids = {
                name: _read_ids(archive, file, members, name, max_tokens, num_axes)
                for name, num_axes in names.items()
            }
            if "prompt_mask" in members:
                mask = _read_mask(archive, file, members, max_tokens)
    except (FastCarError, MemoryError):
        raise
    except Exception as error:  # damaged archives raise of everything: zlib, struct, tokenize, ...
        raise CheckpointError(describe_path(file), _describe(error), "an .npz file") from error
    prompt_shape = ids["prompt_ids"].shape
    if mask is not None and mask.shape != prompt_shape:
        raise ArgumentError("prompt_mask shape", mask.shape, f"{prompt_shape}, as prompt_ids")
    return ids, mask


Members = dict[str, zipfile.ZipInfo]


def _list_members(archive: zipfile.ZipFile, file: Path) -> Members:
    """Arrays by name; which one of two with the same name counts, readers decide differently."""
    members: Members = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in members:
            raise CheckpointError(describe_path(file), f"{name} twice", "one array of a name")
        members[name] = member
    return members


def _read_ids(
    archive: zipfile.ZipFile,
    file: Path,
    members: Members,
    name: str,
    max_tokens: int | None,
    num_axes: int,
) -> TokenIds:
    array = _read_array(archive, file, members, name, "iu", max_tokens, num_axes)
    place = f"{describe_path(file)}: {name}"
    if int(array.max()) > np.iinfo(np.int64).max:
        raise CheckpointError(place, int(array.max()), "at most 2**63 - 1")
    return array.astype(np.int64)


def _read_mask(
    archive: zipfile.ZipFile, file: Path, members: Members, max_tokens: int | None
) -> BoolArray:
    array = _read_array(archive, file, members, "prompt_mask", "biu", max_tokens)
    if not np.isin(array, (0, 1)).all():
        place = f"{describe_path(file)}: prompt_mask"
        raise CheckpointError(place, f"dtype {array.dtype}", "an array of 0 and 1")
    return array.astype(bool)


def _read_array(
    archive: zipfile.ZipFile,
    file: Path,
    members: Members,
    name: str,
    kinds: str,
    max_tokens: int | None,
    num_axes: int = 2,
) -> NDArray[Any]:
    if name not in members:
        found = ", ".join(sorted(members)) or "nothing"
        raise CheckpointError(describe_path(file), found, f"an .npz file with {name}")
    place = f"{describe_path(file)}: {name}"
    member = members[name]
    if member.file_size > MAX_TOKENS_BYTES:
        limit = f"at most {MAX_TOKENS_BYTES} bytes"
        raise CheckpointError(place, f"{member.file_size} bytes", limit)
    if member.compress_type not in COMPRESSIONS:
        found = f"compression {member.compress_type}"
        raise CheckpointError(place, found, "stored or deflated, as NumPy does")
    try:
        with archive.open(member) as stream:
            num_tokens = _check_header(stream, member.file_size, place, kinds, num_axes)
        if max_tokens is not None and num_tokens > max_tokens:
            limit = f"at most max_position_embeddings = {max_tokens}"
            raise ArgumentError(f"{name} tokens", num_tokens, limit)
        with archive.open(member) as stream:
            array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, RuntimeError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise CheckpointError(place, _describe(error), "a NumPy array of integers") from error
    return array


def _check_header(stream: Any, num_bytes: int, place: str, kinds: str, num_axes: int) -> int:
    """Refuse another type or shape, and what the member does not hold, before it is allocated.

    Returns:
        Tokens of a row.
    """
    version = np.lib.format.read_magic(stream)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(stream)
    if dtype.kind not in kinds:
        limit = "an integer array" if kinds == "iu" else "an array of 0 and 1"
        raise CheckpointError(place, f"dtype {dtype}", limit)
    claimed = dtype.itemsize
    for size in shape:
        claimed *= size
    if claimed > num_bytes - stream.tell() or any(size < 0 for size in shape):
        found = f"{dtype} of shape {shape}"
        raise CheckpointError(place, found, f"no more than its {num_bytes} bytes")
    if claimed < num_bytes - stream.tell():
        limit = f"as many bytes as shape {shape} of {dtype} takes"
        raise CheckpointError(place, f"{num_bytes - stream.tell()} bytes", limit)
    if len(shape) != num_axes or not all(shape):
        axes = ", ".join(("rows", "tokens", "depth")[:num_axes])
        raise CheckpointError(place, f"shape {shape}", f"[{axes}], none of them 0")
    return int(shape[1])


def _describe(error: BaseException) -> str:
    """First line of an error's text, printable."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    return text if text.isprintable() else ascii(text)
