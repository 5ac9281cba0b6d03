"""JSON objects from files that may be damaged or hostile: bounded, strict, refused in one line."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

from fastcar.reference.errors import CheckpointError

MAX_JSON_BYTES = 16 * 2**20
"""Largest JSON text that is parsed; the index of a thousand-layer model has under 2 MB, and
Python objects take up to forty times the bytes of their text."""


def describe(value: object) -> str:
    r"""Say in one short printable line what a JSON value is.

    Containers are counted, not printed: printing a deeply nested one overflows the stack.

    >>> print(describe("two\nlines"), describe([1, 2]), describe(None), sep="; ")
    "two\nlines"; a list of 2; null
    """
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 60 else value[:60] + "...")
    return json.dumps(value)


def describe_path(path: os.PathLike[str] | str) -> str:
    """The path itself, or its escaped form where a character would break the line."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


_POINTER_START = b"version https://git-lfs.github.com/spec/v1"
_MAX_POINTER_BYTES = 1024


def get_file_size(path: Path) -> int:
    """Bytes of a regular file, which is not the stand-in that Git LFS leaves for one.

    Every reader of files that others wrote asks here first.

    Raises:
        CheckpointError: nothing there, no right to look, no regular file (opening a pipe would
            wait for ever), or a pointer of Git LFS.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise CheckpointError(describe_path(path), error.strerror, "a readable file") from error
    except ValueError as error:  # Python's words for a null byte differ between its versions
        reason = "embedded null byte" if "\0" in str(path) else error
        raise CheckpointError(describe_path(path), reason, "a readable file") from error
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(describe_path(path), "no regular file", "a readable file")
    num_bytes = status.st_size
    if len(_POINTER_START) <= num_bytes < _MAX_POINTER_BYTES:
        _refuse_pointer(path)
    return num_bytes


def _refuse_pointer(path: Path) -> None:
    if read_bytes(path, len(_POINTER_START)) == _POINTER_START:
        limit = "the file it stands for: git lfs pull"
        raise CheckpointError(describe_path(path), "a Git LFS pointer", limit)


def read_bytes(path: Path, num_bytes: int, offset_bytes: int = 0) -> bytes:
    """Exactly `num_bytes` bytes from `offset_bytes` on, of a file known to have them.

    Raises:
        CheckpointError: the file cannot be read or became shorter since its size was taken.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset_bytes)
            content = file.read(num_bytes)
    except OSError as error:
        raise CheckpointError(describe_path(path), error.strerror, "a readable file") from error
    if len(content) != num_bytes:
        raise CheckpointError(describe_path(path), f"{len(content)} bytes", f"{num_bytes} bytes")
    return content


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what other readers would resolve differently: duplicate keys, lone surrogates."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"duplicate key {describe(key)}")
        key.encode()
        if isinstance(value, str):
            value.encode()
        found[key] = value
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name}, which is no JSON")


def _parse_integer(text: str) -> int | float:
    """-0 is a float to other readers (serde, in the safetensors library), so it is one here."""
    return -0.0 if text == "-0" else int(text)


def parse_json_object(text: bytes, place: str) -> dict[str, Any]:
    """Parse one JSON object, UTF-8, without duplicate keys, NaN or Infinity.

    Args:
        text: the whole text.
        place: where it comes from, for the error.

    Raises:
        CheckpointError: too long, not UTF-8, not JSON, too deep, or not an object.

    >>> parse_json_object(b'{"layers": 2}', "config.json")
    {'layers': 2}
    """
    if len(text) > MAX_JSON_BYTES:
        raise CheckpointError(place, f"{len(text)} bytes", f"at most {MAX_JSON_BYTES} bytes")
    try:
        document = json.loads(
            text.decode(),
            object_pairs_hook=_make_object,
            parse_int=_parse_integer,
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise CheckpointError(place, "nesting too deep", "valid JSON") from error
    except UnicodeError as error:
        raise CheckpointError(place, "text that is not UTF-8", "valid JSON") from error
    except ValueError as error:
        raise CheckpointError(place, error, "valid JSON") from error
    if not isinstance(document, dict):
        raise CheckpointError(place, describe(document), "a JSON object")
    return document


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object; see `parse_json_object`.

    Raises:
        CheckpointError: unreadable, larger than `MAX_JSON_BYTES`, or refused by the parser.
    """
    num_bytes = get_file_size(path)
    if num_bytes > MAX_JSON_BYTES:
        limit = f"at most {MAX_JSON_BYTES} bytes"
        raise CheckpointError(describe_path(path), f"{num_bytes} bytes", limit)
    return parse_json_object(read_bytes(path, num_bytes), describe_path(path))


def to_json_number(value: float | None) -> float | str | None:
    """JSON has no infinity; "inf" and "-inf" are what the command line takes too.

    >>> to_json_number(float("-inf"))
    '-inf'
    """
    return value if value is None or math.isfinite(value) else str(value)
