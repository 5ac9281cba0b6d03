"""Hidden files and folders that hold unfinished work, and what killed processes left of them.

A process keeps a lock (`flock`) on each while it works. The system drops the lock with the process,
however that ends, so what nobody locks is abandoned. Where the file system has no locks, nothing
is taken for abandoned.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fastcar.reference.signals import hold_signals

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

MAX_NAME_BYTES = 100
"""Of what a hidden name repeats of its target: together they must fit into a file name."""
HIDDEN = re.compile(r"\..*\.[0-9a-f]{16}\.(partial|old)(\..*)?", re.DOTALL)
"""Every hidden name."""


def make_hidden_path(target: Path, room: Path, kind: str = "partial") -> Path:
    """A new name in `room` that keeps the suffix, because libraries choose the format by it."""
    stem, suffix = _shorten(target)
    return room / f".{stem}.{secrets.token_hex(8)}.{kind}{suffix}"


def is_hidden(name: str) -> bool:
    """Whether a file name is one of those made here."""
    return HIDDEN.fullmatch(name) is not None


@contextmanager
def open_hidden(target: Path, room: Path, is_directory: bool) -> Iterator[Path]:
    """A new file or folder under a hidden name; what has that name at the end is removed.

    Args:
        target: what it shall become.
        room: folder that takes it; on the same file system as the target.
        is_directory: an empty folder; else an empty file.

    Raises:
        OSError: it cannot be made.
    """
    path, lock = None, -1
    try:
        with hold_signals():
            path, lock = _make_locked(target, room, is_directory)
        yield path
    finally:
        with hold_signals():
            if path is not None:
                remove(path)
            if lock >= 0:
                os.close(lock)


def remove(path: Path) -> None:
    """Remove a file or a folder with everything in it, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def remove_abandoned(target: Path, room: Path) -> None:
    """Remove what killed processes left for a target.

    A folder that was moved away and never replaced returns: its process died between two steps.
    """
    stem, suffix = map(re.escape, _shorten(target))
    pattern = re.compile(rf"\.{stem}\.[0-9a-f]{{16}}\.(partial|old){suffix}")
    with suppress(OSError):
        for entry in sorted(os.scandir(room), key=lambda entry: entry.name):
            found = pattern.fullmatch(entry.name)
            if found and not entry.is_symlink():
                _remove_if_unlocked(Path(entry.path), target, found[1] == "old")


@contextmanager
def lock_directory(path: Path) -> Iterator[None]:
    """A lock on a folder, if there can be one: no other process takes it for abandoned."""
    lock = os.open(path, os.O_RDONLY)
    try:
        _lock(lock)
        yield
    finally:
        os.close(lock)


def _make_locked(target: Path, room: Path, is_directory: bool) -> tuple[Path, int]:
    while True:
        path = make_hidden_path(target, room)
        if is_directory:
            path.mkdir()
            lock = os.open(path, os.O_RDONLY)
        else:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        _lock(lock, waits=True)
        if os.path.lexists(path):
            return path, lock
        os.close(lock)  # taken for abandoned before it was locked


def _lock(lock: int, waits: bool = False) -> bool:
    """Whether nobody else has it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _remove_if_unlocked(path: Path, target: Path, returns: bool) -> None:
    try:
        lock = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        if _lock(lock):
            if returns and not target.exists():
                path.rename(target)
            else:
                remove(path)
    finally:
        os.close(lock)


def _shorten(target: Path) -> tuple[str, str]:
    """Stem and suffix, so much of them that a hidden name has room."""
    parts = (os.fsencode(part) for part in (target.stem, target.suffix))
    stem, suffix = (part[:MAX_NAME_BYTES].decode("utf-8", "ignore") for part in parts)
    return stem, suffix
