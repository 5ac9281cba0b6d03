"""Two folders trade their names: in one step where the system has one, else in two renames."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from fastcar.reference.hidden_paths import lock_directory, make_hidden_path

LINUX_EXCHANGE = 2
"""RENAME_EXCHANGE of renameat2(2)."""
MACOS_SWAP = 2
"""RENAME_SWAP of renamex_np(2)."""
CURRENT_DIRECTORY = -100
"""AT_FDCWD: paths are what they say."""


def replace_directory(new: Path, target: Path) -> None:
    """Put a folder in the place of one that holds files, which gets the other's name.

    A process that is killed leaves the old folder or the new one at `target`. Without the one step,
    the old one may lie under a hidden name, from where the next run puts it back
    (`fastcar.reference.hidden_paths.remove_abandoned`).

    Raises:
        OSError: `target` cannot be renamed; both are where they were.
    """
    if exchange(new, target):
        return
    old = make_hidden_path(target, target.parent, "old")
    with lock_directory(target):
        target.rename(old)
        try:
            new.rename(target)
        except OSError:
            old.rename(target)
            raise
        old.rename(new)


def exchange(first: Path, second: Path) -> bool:
    """Whether the system could do it in one step."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        names = os.fsencode(first), os.fsencode(second)
        if sys.platform == "darwin":
            status = library.renamex_np(*names, MACOS_SWAP)
        else:
            here = CURRENT_DIRECTORY
            status = library.renameat2(here, names[0], here, names[1], LINUX_EXCHANGE)
    except (OSError, AttributeError):  # another system, or an older C library
        return False
    return bool(status == 0)
