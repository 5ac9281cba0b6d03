"""Result folders that appear whole, replace their like in one step, and keep what is the user's.

What is ours in a folder is said by its marker (`fastcar.ownership`). Without `--force` a folder is
taken if it is new, empty, or all of it is ours. With it, everything else is kept as well: under its
name, or as `NAME.kept` where a result has that name (D-38).
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from fastcar.exchange import replace_directory
from fastcar.output import get_room, keep_mode, make_parents, refuse_errors, resolve
from fastcar.ownership import sort_files, write_marker
from fastcar.reference.errors import OutputError
from fastcar.reference.hidden_paths import open_hidden, remove_abandoned
from fastcar.reference.signals import hold_signals

SHOWN_FILES = 3
"""Files that a refusal names."""


def check_writable_directory(path: str | os.PathLike[str], is_forced: bool | None = None) -> None:
    """Refuse a directory that could not be made or filled, before a long run starts.

    Args:
        path: missing parents are no obstacle.
        is_forced: it may hold files that no run of ours wrote; None = and the user has no option
            to say so.

    Raises:
        OutputError: a file in the way, files of the user's, or nothing can be created there.
    """
    with refuse_errors(path):
        target, room = _prepare(path, is_forced)
        with open_hidden(target, room, is_directory=True):
            pass


@contextmanager
def write_directory_atomically(
    path: str | os.PathLike[str], command: str, is_forced: bool | None = None
) -> Iterator[Path]:
    """A directory to fill with files; they stand in `path` at the end, none on any exception.

    The directory appears in one step, also where it replaces one: files of an older run do not
    stay. A mount point, the working directory and a directory whose parent is read-only cannot be
    renamed; there, files are moved one by one, and a failure half-way puts the old ones back.

    Args:
        path: is made, with its parents, where it does not exist.
        command: that fills it, for the marker.
        is_forced: see `check_writable_directory`; they are kept.

    Raises:
        OutputError: it cannot be written, also where the body fails with an OSError.
    """
    with refuse_errors(path):
        target, room = _prepare(path, is_forced)
        with open_hidden(target, room, is_directory=True) as partial:
            yield partial
            write_marker(partial, command)
            foreign = _check_foreign(target, is_forced)
            with hold_signals():
                if room == target:
                    _move_in(partial, target, foreign)
                else:
                    _keep(foreign, target, partial)
                    with make_parents(target):
                        _appear(partial, target)


def _prepare(path: str | os.PathLike[str], is_forced: bool | None) -> tuple[Path, Path]:
    """Target and the folder that takes the hidden one: beside it, or inside if it must stay."""
    target = resolve(path)
    if target.exists() and not target.is_dir():
        raise OutputError(target, "must be a directory; a file stands there")
    room = get_room(target)
    if target.exists() and _must_stay(target):
        room = target
    remove_abandoned(target, room)
    _check_foreign(target, is_forced)
    return target, room


def _must_stay(target: Path) -> bool:
    """Whether a directory cannot be renamed, or its users would be left in the old one."""
    try:
        is_here = Path.cwd().is_relative_to(target)
    except FileNotFoundError:  # the working directory is gone
        is_here = False
    return is_here or target.is_mount() or not os.access(target.parent, os.W_OK)


def _check_foreign(target: Path, is_forced: bool | None) -> tuple[PurePosixPath, ...]:
    """What is not ours; refused unless the user has said that it is known."""
    foreign = sort_files(target).foreign
    if foreign and not is_forced:
        names = ", ".join(map(str, foreign[:SHOWN_FILES]))
        more = f" and {len(foreign) - SHOWN_FILES} more" * (len(foreign) > SHOWN_FILES)
        limit = "must be a new or an empty directory, or an older result"
        choice = "" if is_forced is None else "; --force keeps such files and replaces ours"
        reason = f"holds {names}{more}, not written by us or changed since: {limit}{choice}"
        raise OutputError(target, reason)
    return foreign


def _appear(partial: Path, target: Path) -> None:
    keep_mode(target, partial)
    if target.exists() and any(target.iterdir()):
        replace_directory(partial, target)
    else:
        partial.replace(target)


def _keep(foreign: Iterable[PurePosixPath], target: Path, partial: Path) -> None:
    """Give what is the user's a second name in the new folder, without copying it."""
    for name in foreign:
        kept = partial / _choose_kept(name, partial, target)
        kept.parent.mkdir(parents=True, exist_ok=True)
        _link(target / name, kept)


def _choose_kept(name: PurePosixPath, partial: Path, target: Path) -> PurePosixPath:
    """The same name if no result has it, else `NAME.kept`, `NAME.kept2`, ..., whichever is free."""
    is_in_way = any((partial / parent).is_file() for parent in name.parents)
    if not is_in_way and not os.path.lexists(partial / name):
        return name
    stem = PurePosixPath("_".join(name.parts)) if is_in_way else name
    for number in itertools.count(1):
        kept = stem.with_name(f"{stem.name}.kept{number if number > 1 else ''}")
        if not any(os.path.lexists(folder / kept) for folder in (partial, target)):
            break
    return kept


def _link(source: Path, place: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, place, symlinks=True, copy_function=_link_file)
    else:
        _link_file(source, place)


def _link_file(source: str | Path, place: str | Path) -> None:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:  # a file system without links
        shutil.copy2(source, place, follow_symlinks=False)


def _move_in(partial: Path, target: Path, foreign: Iterable[PurePosixPath]) -> None:
    """Move files one by one; on failure all return."""
    old = sort_files(target).ours
    new = [
        PurePosixPath(path.relative_to(partial)) for path in partial.rglob("*") if path.is_file()
    ]
    with open_hidden(target, target, is_directory=True) as replaced:
        moves = [(target / name, replaced / name) for name in old]
        for name in foreign:
            kept = _choose_kept(name, partial, target)
            if kept != name:
                moves.append((target / name, target / kept))
        moves += [(partial / name, target / name) for name in sorted(new)]
        _move_all(moves)
        for folder in {target / parent for name in old for parent in name.parents[:-1]}:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _move_all(moves: Iterable[tuple[Path, Path]]) -> None:
    done: list[tuple[Path, Path]] = []
    try:
        for source, place in moves:
            place.parent.mkdir(parents=True, exist_ok=True)
            source.replace(place)
            done.append((source, place))
    except BaseException:
        for source, place in reversed(done):
            place.replace(source)
        raise
