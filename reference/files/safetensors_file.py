"""The safetensors format: header checked against the file before anything is allocated.

A file is 8 bytes (header length, little endian), that many bytes of JSON, then one buffer. The
header maps each tensor to dtype, shape and offsets in the buffer; together the tensors cover the
buffer without hole or overlap.

Parsed here and not by the `safetensors` library because its NumPy door knows no bfloat16, it
accepts duplicate keys, and its messages name neither the value nor the limit. Tests hold both to
the same reading: what the library writes loads equal, what is accepted here the library accepts.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from fastcar.reference.arrays import FloatArray
from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import (
    MAX_JSON_BYTES,
    describe,
    describe_path,
    get_file_size,
    parse_json_object,
    read_bytes,
)

# bfloat16 is read as its bit pattern: NumPy has no such type
STORAGE_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""Supported tensor types and the NumPy type of their bytes."""
INTEGER_DTYPES = {"I8": "|i1", "I16": "<i2", "U16": "<u2"}
"""Types of the tensors of an integer model, likewise."""
INDEX_DTYPES = INTEGER_DTYPES | {
    "U8": "|u1",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
}
"""Types of token ids and of other numbers that count, likewise."""

_LENGTH_BYTES = 8
_MAX_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class TensorPlace:
    """Where one tensor lies.

    Attributes:
        path: the file.
        name: key in the header.
        dtype: a key of `STORAGE_DTYPES` or `INDEX_DTYPES`.
        shape: sizes, each at least 1.
        start_bytes: from the start of the file.
        num_bytes: as long as dtype and shape say.
    """

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    start_bytes: int
    num_bytes: int

    def __str__(self) -> str:
        return get_tensor_label(self.path, self.name)


def get_tensor_label(path: Path, name: str) -> str:
    """How an error names a tensor: the file, then the name in quotes."""
    return f"{describe_path(path)}: tensor {describe(name)}"


def read_header(path: Path, dtypes: Mapping[str, str] = STORAGE_DTYPES) -> dict[str, TensorPlace]:
    """Read and check the header of a safetensors file; no tensor is read.

    Args:
        path: the file.
        dtypes: tensor types that are accepted.

    Returns:
        The place of every tensor, by name; offsets and sizes agree with the file.

    Raises:
        CheckpointError: unreadable, truncated, or a header that does not describe this file.
    """
    return read_described_header(path, dtypes)[0]


def read_described_header(
    path: Path, dtypes: Mapping[str, str] = STORAGE_DTYPES
) -> tuple[dict[str, TensorPlace], dict[str, str]]:
    """The same as `read_header`, and the metadata of the file."""
    place = describe_path(path)
    file_bytes = get_file_size(path)
    if file_bytes < _LENGTH_BYTES:
        raise CheckpointError(place, f"{file_bytes} bytes", "at least 8 bytes (header length)")
    header_bytes = int.from_bytes(read_bytes(path, _LENGTH_BYTES), "little")
    limit_bytes = min(file_bytes - _LENGTH_BYTES, MAX_JSON_BYTES)
    if header_bytes > limit_bytes:
        limit = f"at most {limit_bytes} bytes in a file of {file_bytes} bytes"
        raise CheckpointError(f"{place}: header", f"{header_bytes} bytes", limit)
    text = read_bytes(path, header_bytes, _LENGTH_BYTES)
    if not text.startswith(b"{"):
        raise CheckpointError(f"{place}: header", ascii(text[:8]), "a JSON object from byte 8 on")
    entries = parse_json_object(text, f"{place}: header")
    metadata = entries.pop("__metadata__", {})
    _check_metadata(metadata, place)
    buffer_start = _LENGTH_BYTES + header_bytes
    places = [
        _make_place(path, name, entry, buffer_start, file_bytes, dtypes)
        for name, entry in entries.items()
    ]
    _check_cover(places, buffer_start, file_bytes, place)
    return {place.name: place for place in places}, metadata


def _check_metadata(metadata: object, place: str) -> None:
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        found = describe(metadata)
        raise CheckpointError(f"{place}: __metadata__", found, "an object of strings")


def _is_whole_list(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int for item in value)


def _make_place(
    path: Path,
    name: str,
    entry: object,
    buffer_start: int,
    file_bytes: int,
    dtypes: Mapping[str, str],
) -> TensorPlace:
    """Check one header entry on its own and against the length of the buffer."""
    label = get_tensor_label(path, name)
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        limit = "an object of exactly dtype, shape and data_offsets"
        raise CheckpointError(label, _describe_keys(entry), limit)
    dtype = entry["dtype"]
    if not isinstance(dtype, str) or dtype not in dtypes:
        limit = f"one of {', '.join(dtypes)}"
        raise CheckpointError(f"{label}: dtype", describe(dtype), limit)
    shape = _get_shape(entry["shape"], f"{label}: shape")
    num_bytes = math.prod(shape) * np.dtype(dtypes[dtype]).itemsize
    buffer_bytes = file_bytes - buffer_start
    if num_bytes > buffer_bytes:
        limit = f"within the {buffer_bytes} bytes that the file has for tensors"
        raise CheckpointError(f"{label}: shape", _describe_numbers(entry["shape"]), limit)
    extent = f"{num_bytes} bytes apart for {dtype} {list(shape)}, within {buffer_bytes} bytes"
    start = _get_start(entry["data_offsets"], num_bytes, buffer_bytes)
    if start is None:
        shown = _describe_numbers(entry["data_offsets"])
        raise CheckpointError(f"{label}: data_offsets", shown, extent)
    return TensorPlace(path, name, dtype, shape, buffer_start + start, num_bytes)


def _get_start(offsets: object, num_bytes: int, buffer_bytes: int) -> int | None:
    """Start in the buffer; None unless start and end lie in it, as far apart as the tensor asks."""
    if not _is_whole_list(offsets) or len(offsets) != 2:
        return None
    start, end = offsets
    return start if 0 <= start <= end <= buffer_bytes and end - start == num_bytes else None


def _get_shape(shape: object, label: str) -> tuple[int, ...]:
    if not _is_whole_list(shape) or len(shape) > _MAX_DIMENSIONS or min(shape, default=1) < 1:
        limit = f"at most {_MAX_DIMENSIONS} whole numbers of at least 1"
        raise CheckpointError(label, _describe_numbers(shape), limit)
    return tuple(shape)


def _describe_keys(entry: object) -> str:
    if isinstance(entry, dict) and len(entry) <= _MAX_DIMENSIONS:
        return f"an object of {', '.join(map(describe, sorted(entry)))}"
    return describe(entry)


def _describe_numbers(value: object) -> str:
    """A short list in full, so that the error shows the number that is wrong."""
    if isinstance(value, list) and len(value) <= _MAX_DIMENSIONS:
        return "[" + ", ".join(describe(item) for item in value) + "]"
    return describe(value)


def _check_cover(places: list[TensorPlace], buffer_start: int, file_bytes: int, place: str) -> None:
    """The tensors in order of offset must cover the buffer: no hole, no overlap, nothing left."""
    end = buffer_start
    for tensor in sorted(places, key=lambda tensor: tensor.start_bytes):
        if tensor.start_bytes != end:
            shown = f"start {tensor.start_bytes - buffer_start}"
            limit = f"{end - buffer_start} (no hole, no overlap)"
            raise CheckpointError(f"{tensor}: data_offsets", shown, limit)
        end += tensor.num_bytes
    if end != file_bytes:
        limit = f"{end} bytes, as its header says"
        raise CheckpointError(place, f"{file_bytes} bytes", limit)


def read_tensor(place: TensorPlace, dtype: type[np.floating[Any]]) -> FloatArray:
    """Read one tensor through a memory map and convert it.

    Widening is exact; F64 read as float32 is rounded to nearest even, as in any other loader.

    Returns:
        A new array of `place.shape`. Beside it the conversion holds at most one more of the
        same size (BF16 to float64) and one byte per value for the check.

    Raises:
        CheckpointError: NaN or infinite (also after rounding), or the file became shorter.
    """
    stored = _map_tensor(place, np.dtype(STORAGE_DTYPES[place.dtype]))
    # a signalling NaN or an overflow warns here; both are refused below by place
    with np.errstate(all="ignore"):
        values = widen_bfloat16(stored) if place.dtype == "BF16" else stored
        array: FloatArray = values.astype(dtype, copy=values is stored).reshape(place.shape)
    check_finite(array, place)
    return array


def read_integers(place: TensorPlace) -> np.ndarray[Any, np.dtype[np.integer[Any]]]:
    """Read one tensor of a type of `INDEX_DTYPES`; a new array of `place.shape`."""
    stored = _map_tensor(place, np.dtype(INDEX_DTYPES[place.dtype]))
    return stored.astype(stored.dtype.newbyteorder("=")).reshape(place.shape)


def _map_tensor(place: TensorPlace, storage: np.dtype[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    """The bytes of a tensor as they lie in the file, [values]."""
    try:
        with place.path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise CheckpointError(str(place), error, "a readable file") from error
    end = place.start_bytes + place.num_bytes
    if len(mapped) < end:
        raise CheckpointError(str(place), f"{len(mapped)} bytes", f"at least {end} bytes")
    return np.frombuffer(mapped, storage, math.prod(place.shape), place.start_bytes)


def widen_bfloat16(stored: np.ndarray[Any, np.dtype[Any]]) -> FloatArray:
    """bfloat16 is the upper half of a float32, so a shift of the bits is exact."""
    bits = stored.astype(np.uint32)
    bits <<= 16
    return bits.view(np.float32)


def check_finite(array: FloatArray, place: TensorPlace) -> None:
    """Raise CheckpointError for a tensor with NaN or infinity, naming the first and its index."""
    finite = np.isfinite(array)
    if not finite.all():
        index = np.unravel_index(int(np.argmin(finite)), array.shape)
        shown = f"{array[index]} at {[int(axis_index) for axis_index in index]}"
        raise CheckpointError(str(place), shown, f"finite in {array.dtype}")
