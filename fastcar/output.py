"""Files that appear whole or not at all.

Everything is written under a hidden name in the place where it shall stand and moved there in one
step. Whatever exception ends the work early, Ctrl-C included, removes the hidden files and leaves
what stood there before.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastcar.reference.errors import OutputError


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a file that could not be written, before a long run starts.

    The proof is to create and remove a hidden file beside it: permission bits say nothing to a
    superuser, and nothing of read-only file systems.

    Raises:
        OutputError: a directory, device or pipe in the way, or no file can be created there.
    """
    target = _resolve(path)
    _check_file(target)
    partial = _get_partial(target, target.parent)
    try:
        partial.touch(exist_ok=False)
    except OSError as error:
        raise _make_error(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def check_writable_directory(path: str | os.PathLike[str]) -> None:
    """Refuse a directory that could not be made or filled; missing parents are no obstacle.

    Raises:
        OutputError: a file in the way, or nothing can be created there.
    """
    target = _resolve(path)
    room = _get_room(target)
    partial = _get_partial(target, room)
    try:
        partial.mkdir()
        partial.rmdir()
    except OSError as error:
        raise _make_error(path, error) from error


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to; moved to `path` at the end, removed on any exception.

    The hidden path keeps the suffix, because libraries choose the format by it. A link is followed
    and what it points to is replaced.

    Args:
        path: its directory exists; an older file there is replaced.

    Raises:
        OutputError: it cannot be written, also where the body fails with an OSError.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with write_atomically(Path(folder) / "report.json") as partial:
    ...         _ = partial.write_text("{}")
    ...     [entry.name for entry in Path(folder).iterdir()]
    ['report.json']
    """
    target = _resolve(path)
    _check_file(target)
    partial = _get_partial(target, target.parent)
    try:
        yield partial
        partial.replace(target)
    except OSError as error:
        raise _make_error(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def write_directory_atomically(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A directory to fill with files; they stand in `path` at the end, none on any exception.

    A new or empty directory appears in one step. In one that holds files already, files of the
    same name are replaced, others stay, and a failure half-way puts the old ones back.

    Args:
        path: is made, with its parents, where it does not exist.

    Raises:
        OutputError: it cannot be written, also where the body fails with an OSError.
    """
    target = _resolve(path)
    room = _get_room(target)
    partial, replaced = _get_partial(target, room), _get_partial(target, room)
    try:
        partial.mkdir()
        yield partial
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and any(target.iterdir()):
            replaced.mkdir()
            _move_files(partial, target, replaced)
        else:
            partial.replace(target)
    except OSError as error:
        raise _make_error(path, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def _move_files(source: Path, target: Path, replaced: Path) -> None:
    """Move every file of `source` to `target`; on failure the old ones return from `replaced`."""
    moved: list[Path] = []
    try:
        for path in sorted(source.iterdir()):
            place = target / path.name
            moved.append(place)
            if place.exists():
                place.replace(replaced / path.name)
            path.replace(place)
    except BaseException:
        for place in moved:
            old = replaced / place.name
            if old.exists():
                old.replace(place)
            elif not (source / place.name).exists():
                place.unlink(missing_ok=True)
        raise


def _resolve(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise OutputError(path, str(error)) from error


def _check_file(target: Path) -> None:
    """Replacing anything else than a regular file would destroy it (/dev/null, for one)."""
    try:
        if target.is_dir():
            raise OutputError(target, "must be a file; a directory stands there")
        if target.exists() and not target.is_file():
            raise OutputError(target, "must be a regular file; something else stands there")
        if not target.parent.is_dir():
            raise OutputError(target, f"its directory must exist; {target.parent} does not")
        if target.exists() and not os.access(target, os.W_OK):
            raise OutputError(target, "must be writable; the file there is read-only")
    except OSError as error:
        raise _make_error(target, error) from error


def _get_room(target: Path) -> Path:
    """The directory that takes the hidden directory: the nearest one above that exists.

    Nothing but the hidden directory is made before the work has succeeded.
    """
    try:
        room = target.parent
        if target.exists() and not target.is_dir():
            raise OutputError(target, "must be a directory; a file stands there")
        while not room.exists():
            room = room.parent
        if not room.is_dir():
            raise OutputError(target, f"must lie in a directory; {room} is a file")
    except OSError as error:
        raise _make_error(target, error) from error
    # a mount point takes no rename from outside; its inside does
    return target if target.is_mount() else room


def _get_partial(target: Path, room: Path) -> Path:
    return room / f".{target.stem}.{secrets.token_hex(8)}.partial{target.suffix}"


def _make_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(path, f"must be writable; {reason[0].lower()}{reason[1:]}")
