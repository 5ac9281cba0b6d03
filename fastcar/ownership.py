"""Which files of a folder a run of ours wrote, by the marker that it left there (D-38)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fastcar.reference.hidden_paths import is_hidden

MARKER_FILE = ".fastcar"
MARKER_VERSION = 1
MAX_MARKER_BYTES = 2**24


@dataclass(frozen=True)
class Ownership:
    """What stands in a folder.

    Attributes:
        ours: files that a run wrote and nobody has changed, the marker among them; relative.
        foreign: all other files, and folders that hold none of ours; relative.
    """

    ours: tuple[PurePosixPath, ...] = ()
    foreign: tuple[PurePosixPath, ...] = ()


def write_marker(directory: Path, command: str) -> None:
    """Record the files of a folder, each by its size and digest.

    Args:
        directory: holds what a run wrote, and nothing else.
        command: that wrote them.
    """
    files = {
        path.relative_to(directory).as_posix(): _describe(path)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    document = {"fastcar": MARKER_VERSION, "command": command, "files": files}
    text = json.dumps(document, indent=1, ensure_ascii=True) + "\n"
    (directory / MARKER_FILE).write_text(text, encoding="utf-8")


def sort_files(directory: Path) -> Ownership:
    """Who owns the files of a folder; one that does not exist has none.

    Raises:
        OSError: a folder or a file cannot be read.
    """
    if not directory.exists():
        return Ownership()
    recorded = _read_marker(directory / MARKER_FILE)
    known = recorded or {}
    opened = frozenset(str(parent) for name in known for parent in PurePosixPath(name).parents)
    ours: list[PurePosixPath] = []
    foreign: list[PurePosixPath] = []
    for path in _list_entries(directory, PurePosixPath(), opened):
        is_marker = recorded is not None and str(path) == MARKER_FILE
        is_ours = is_marker or _is_unchanged(directory / path, known.get(str(path)))
        (ours if is_ours else foreign).append(path)
    return Ownership(tuple(ours), tuple(foreign))


def _read_marker(path: Path) -> dict[str, Any] | None:
    """The recorded files; None without a marker that can be read."""
    try:
        if path.is_symlink() or path.stat().st_size > MAX_MARKER_BYTES:
            return None
        document = json.loads(path.read_text(encoding="utf-8"))
        is_known = document["fastcar"] == MARKER_VERSION
        return dict(document["files"]) if is_known else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _list_entries(
    directory: Path, place: PurePosixPath, opened: frozenset[str]
) -> Iterator[PurePosixPath]:
    """Files, and folders that no recorded file lies in; hidden work of a run is no content."""
    for entry in sorted(os.scandir(directory / place), key=lambda entry: entry.name):
        name = place / entry.name
        if is_hidden(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False) and str(name) in opened:
            yield from _list_entries(directory, name, opened)
        else:
            yield name


def _is_unchanged(path: Path, record: Any) -> bool:
    if record is None or path.is_symlink() or not path.is_file():
        return False
    is_same_size = isinstance(record, dict) and record.get("bytes") == path.stat().st_size
    return is_same_size and record == _describe(path)


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
