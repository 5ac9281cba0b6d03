"""Files that spare work the next time: checked before they are used, and never a reason to fail.

What is kept is machine code, so a file counts only if it is, byte for byte, what was written.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from fastcar.reference.hidden_paths import open_hidden, remove_abandoned

DIGEST_BYTES = hashlib.sha256().digest_size
_said: set[str] = set()


class DamagedCacheError(Exception):
    """A file is not what was written: cut, overwritten, or never a file of this kind."""


def get_user_cache() -> Path | None:
    """The user's folder for what can be made again; None for a user without a home."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(base or Path.home() / ".cache") / "fastcar"
    except RuntimeError:
        return None


def read_checked(path: Path) -> bytes | None:
    """What `write_checked` wrote; None if there is no such file, or none that may be read.

    Raises:
        DamagedCacheError: something else stands there.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except OSError as error:
        raise DamagedCacheError(str(error)) from error
    digest, payload = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        raise DamagedCacheError("its digest is not that of its content")
    return payload


def write_checked(path: Path, payload: bytes) -> None:
    """Write a file with its digest; other processes see it whole or not at all.

    Raises:
        OSError: it cannot be written; an older file stays.
    """
    write_whole(path, hashlib.sha256(payload).digest() + payload)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step, in a folder that is made where it is missing.

    Raises:
        OSError: it cannot be written; an older file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path, path.parent)
    with open_hidden(path, path.parent, is_directory=False) as hidden:
        hidden.write_bytes(content)
        hidden.replace(path)


def touch(path: Path) -> None:
    """Mark as used now."""
    with suppress(OSError):
        os.utime(path)


def keep_newest(folder: Path, pattern: str, count: int) -> None:
    """Remove what fits a pattern, but for those that were used last."""
    with suppress(OSError):
        found = sorted(folder.glob(pattern), key=lambda path: path.lstat().st_mtime_ns)
        for path in found[: max(0, len(found) - count)]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def warn_once(text: str) -> None:
    """One line on stderr, the first time that it is said in this process."""
    if text not in _said and sys.stderr is not None:
        _said.add(text)
        with suppress(OSError, ValueError):
            print("fastcar: " + " ".join(text.split()), file=sys.stderr, flush=True)
