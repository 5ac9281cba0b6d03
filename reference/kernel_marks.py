"""Marks of runs with compiled kernels: whether a run finds its machine code, without Numba.

Importing Numba takes a second, and the names of its files come out of it. So a run that used
kernels leaves a mark: the names of the kernels it called (`fastcar.reference.kernel_list`) and the
files their machine code lies in. Those of a later run are kept if a mark names them all, every file
is there in its size, and nothing has changed that the machine code depends on: sources, versions,
processor, Numba's settings. A mark that is wrong costs a compilation, never a result: the kernels
check what they load (`fastcar.reference.kernels.machine_code`).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

from fastcar.reference.cache_files import (
    DamagedCacheError,
    get_user_cache,
    keep_newest,
    read_checked,
    touch,
    write_checked,
)

KERNELS = Path(__file__).parent / "kernels"
CONFIG_FILE = ".numba_config.yaml"
"""Numba's settings in the working directory; those of the environment come first."""
KEPT_MARKS = 16
"""Of older sources and other settings: they go, the longest unused first."""
_CPU_LINES = ("model name", "flags", "Features", "CPU implementer", "CPU part")
_CPU_BYTES = 8192


def are_kept(kernels: frozenset[str]) -> bool:
    """Whether machine code of all kernels, by their names, is kept where this process finds it."""
    for path in _list_marks():
        marked, files = _read(path)
        if kernels <= marked and _are_there(files):
            touch(path)
            return True
    return False


def leave_mark(kernels: frozenset[str]) -> None:
    """Say to later runs that the kernels of this one are kept, if all are; never an error.

    Args:
        kernels: names of those that this process has called.
    """
    from fastcar.reference.kernels.machine_code import list_used_files

    used = list_used_files()
    if not used or are_kept(kernels):
        return
    with suppress(OSError):
        files = {str(path.absolute()): path.stat().st_size for path in used}
        for path in _list_marks():
            marked, older = _read(path)
            if not _are_there(older):
                marked, older = frozenset(), {}
            content = {"kernels": sorted(kernels | marked), "files": {**older, **files}}
            with suppress(OSError):
                write_checked(path, json.dumps(content).encode())
                keep_newest(path.parent, "kept-*.mark", KEPT_MARKS)
                return


def _list_marks() -> list[Path]:
    """Where the mark of such processes may lie, the preferred place first."""
    chosen, user = os.environ.get("NUMBA_CACHE_DIR"), get_user_cache()
    places = [KERNELS / "__pycache__", *([user] if user is not None else [])]
    if chosen:
        places = [Path(chosen)]
    return [place / f"kept-{_digest_circumstances()}.mark" for place in places]


def _read(path: Path) -> tuple[frozenset[str], dict[str, int]]:
    """Kernels and files of a mark; nothing of one that is missing or damaged."""
    with suppress(DamagedCacheError, ValueError, KeyError, TypeError, AttributeError):
        content = json.loads(read_checked(path) or b"")
        return frozenset(content["kernels"]), dict(content["files"])
    return frozenset(), {}


def _are_there(files: dict[str, int]) -> bool:
    try:
        return all(Path(path).stat().st_size == size for path, size in files.items())
    except OSError:
        return False


def _digest_circumstances() -> str:
    """Of all that machine code depends on beside the types of its arguments."""
    digest = hashlib.sha256()
    for path in sorted(KERNELS.rglob("*.py")):
        digest.update(str(path.relative_to(KERNELS)).encode() + b"\0" + path.read_bytes() + b"\0")
    settings = {name: value for name, value in os.environ.items() if name.startswith("NUMBA_")}
    with suppress(OSError):
        digest.update(Path(CONFIG_FILE).read_bytes())
    facts = (
        sys.version,
        *(_get_version(name) for name in ("numba", "llvmlite", "numpy")),
        sorted(settings.items()),
        _count_processors() > 1,
        _describe_processor(),
    )
    digest.update(repr(facts).encode())
    return digest.hexdigest()[:16]


def _get_version(name: str) -> str | None:
    from importlib import metadata  # a tenth of what a named engine needs to import

    with suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return None


def _count_processors() -> int:
    """Those that this process may use: kernels for several threads have other machine code."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _describe_processor(path: Path = Path("/proc/cpuinfo")) -> str:
    """Its name and instruction sets, of the first one where they differ; else the architecture."""
    with suppress(OSError), path.open("rb") as file:
        first = file.read(_CPU_BYTES).split(b"\n\n")[0].decode(errors="replace")
        lines = [line for line in first.splitlines() if line.startswith(_CPU_LINES)]
        return "\n".join([platform.machine(), *lines])
    return f"{platform.machine()} {platform.processor()}"
