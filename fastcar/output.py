"""Files and folders that appear whole or not at all, and nothing of the user's that disappears.

Everything is written under a hidden name in the place where it shall stand and moved there in one
step. Whatever ends the work early, a signal or an exception, leaves what stood there before; what
a killed process leaves is removed by the next one (`fastcar.reference.hidden_paths`). Missing
parents are made at the end, for files and for folders.

A folder is replaced if a run of ours wrote everything in it; else the user has to say so, and even
then keeps what is not ours (D-38, `fastcar.folder_output`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fastcar.reference.errors import OutputError
from fastcar.reference.hidden_paths import open_hidden, remove_abandoned
from fastcar.reference.signals import hold_signals


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a file that could not be written, before a long run starts.

    The proof is to create and remove a hidden file: permission bits say nothing to a superuser,
    and nothing of read-only file systems. Missing parents are no obstacle.

    Raises:
        OutputError: a directory, device or pipe in the way, or no file can be created there.
    """
    with refuse_errors(path):
        target = resolve(path)
        _check_file(target)
        room = get_room(target)
        remove_abandoned(target, room)
        with open_hidden(target, room, is_directory=False):
            pass


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to; moved to `path` at the end, removed on any exception.

    The hidden path keeps the suffix, because libraries choose the format by it. A link is followed
    and what it points to is replaced.

    Args:
        path: an older file there is replaced; missing parents are made at the end.

    Raises:
        OutputError: it cannot be written, also where the body fails with an OSError.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with write_atomically(Path(folder) / "report.json") as partial:
    ...         _ = partial.write_text("{}")
    ...     [entry.name for entry in Path(folder).iterdir()]
    ['report.json']
    """
    with refuse_errors(path):
        target = resolve(path)
        _check_file(target)
        room = get_room(target)
        remove_abandoned(target, room)
        with open_hidden(target, room, is_directory=False) as partial:
            yield partial
            keep_mode(target, partial)
            with hold_signals(), make_parents(target):
                partial.replace(target)


def check_no_input(out: Path, *inputs: Path | None) -> None:
    """Refuse a result in the place of what it is made from.

    Args:
        out: file to be written.
        inputs: files, or directories of which nothing is to be replaced.

    Raises:
        OutputError: it is one of them, or lies there and exists.
    """
    target = resolve(out)
    for given in inputs:
        if given is None:
            continue
        source = resolve(given)
        if target == source or (target.exists() and target.is_relative_to(source)):
            raise OutputError(out, "must not replace what the command reads")


def keep_mode(old: Path, new: Path) -> None:
    """Who may read what is replaced may read what replaces it, and nobody else."""
    if old.exists() and new.exists():
        new.chmod(stat.S_IMODE(old.stat().st_mode))


@contextmanager
def refuse_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """An OSError inside is an OutputError that names the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        text = f"must be writable; {reason[0].lower()}{reason[1:]}"
        raise OutputError(path, text) from error


def resolve(path: str | os.PathLike[str]) -> Path:
    """The absolute path, links followed."""
    if not os.fspath(path):
        raise OutputError(path, "must be a path; it is empty")
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise OutputError(path, str(error)) from error


def get_room(target: Path) -> Path:
    """The folder that takes the hidden name: the nearest one above that exists.

    Nothing but the hidden file or folder is made before the work has succeeded.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        os.lstat(target)  # says where a name is too long
    room = target.parent
    while not room.exists():
        room = room.parent
    if not room.is_dir():
        raise OutputError(target, f"must lie in a directory; {room} is a file")
    return room


@contextmanager
def make_parents(target: Path) -> Iterator[None]:
    """Folders above a target that are missing; removed again if the block fails."""
    missing = [parent for parent in target.parents if not parent.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
        raise


def _check_file(target: Path) -> None:
    """Replacing anything else than a regular file would destroy it (/dev/null, for one)."""
    if target.is_dir():
        raise OutputError(target, "must be a file; a directory stands there")
    if target.exists() and not target.is_file():
        raise OutputError(target, "must be a regular file; something else stands there")
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(target, "must be writable; the file there is read-only")
