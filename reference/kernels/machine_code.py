"""Machine code of kernels on disk, in the place of Numba's own cache.

Numba keys its cache by the file of a function alone, so a kernel would survive a change of the
helpers it calls; it takes what it finds for whole, and ends where it cannot write. Here a folder
carries a digest of all sources of its package and of this one, and of the versions that compile
them, wherever it lies; each file is checked before it is used; and what cannot be read or kept is
compiled.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba
import numba.core.caching
import numba.core.serialize

from fastcar.reference.cache_files import (
    DamagedCacheError,
    get_user_cache,
    keep_newest,
    read_checked,
    touch,
    warn_once,
    write_checked,
)

PACKAGE = Path(__file__).parent
KEPT_FOLDERS = 8
"""Of older sources and other versions: they go, the longest unused first."""

_used: set[Path] = set()
_lost: set[str] = set()
"""Files that this process loaded or kept kernels of this package in; kernels that none holds.

Of this package are those of packages in it."""

_caching: Any = numba.core.caching
_serialize: Any = numba.core.serialize
_config: Any = numba.config


@cache
def get_digest(package: Path | None = None) -> str:
    """Of all sources of a package and of this one, and of what compiles them."""
    digest = hashlib.sha256()
    others = () if package is None else package.glob("*.py")
    for path in sorted({*PACKAGE.glob("*.py"), *others}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    versions = [sys.modules[name].__version__ for name in ("numba", "llvmlite", "numpy")]
    digest.update(" ".join([*versions, sys.version]).encode())
    return digest.hexdigest()[:16]


def list_folders(package: Path | None = None) -> list[Path]:
    """Where the machine code of a package may lie, the preferred place first.

    NUMBA_CACHE_DIR alone if it is set; else the package, which may be read-only, then the user's
    cache.
    """
    name = f"kernels-{get_digest(package)}"
    if _config.CACHE_DIR:
        return [Path(_config.CACHE_DIR) / name]
    user = get_user_cache()
    places = [(package or PACKAGE) / "__pycache__", *([user] if user is not None else [])]
    return [place / name for place in places]


def list_used_files() -> list[Path] | None:
    """Files of all kernels that this process has called; None if some could not be kept."""
    return None if _lost else sorted(_used)


class _Implementation(_caching.CompileResultCacheImpl):  # type: ignore[misc]
    """How compiled functions become bytes, without Numba's search for a place."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = SimpleNamespace(_py_file=function.__code__.co_filename)


class MachineCodeCache(_caching.FunctionCache):  # type: ignore[misc]
    """Keeps what a function was compiled to, a file for each combination of argument types.

    Args:
        function: whose code is kept.
        variant: of the ways to compile it.
        package: folder with all that it calls, beside this one; None: nothing else.
    """

    def __init__(
        self, function: Callable[..., Any], variant: str, package: Path | None = None
    ) -> None:
        self._py_func = function
        self._impl = _Implementation(function)
        self._folders = list_folders(package)
        self._is_ours = package is None or package.is_relative_to(PACKAGE)
        self._cache_path = str(self._folders[0])
        code = function.__code__
        source = Path(code.co_filename)
        text = source.read_bytes() if source.is_file() else code.co_code
        self._source = hashlib.sha256(text).hexdigest(), code.co_firstlineno, variant
        self._stem = re.sub(r"\W", "_", f"{source.stem}.{function.__qualname__}")
        self.enable()

    def flush(self) -> None:
        """Forget what is kept."""
        for folder in self._folders:
            keep_newest(folder, f"{self._stem}.*.kernel", 0)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function; None if no whole file holds it."""
        target_context.refresh()
        if not self._enabled:
            return None
        key = self._make_key(sig, target_context.codegen())
        for folder in self._folders:
            path = folder / self._name_file(key)
            try:
                payload = read_checked(path)
                if payload is None:
                    continue
                stored, reduced = pickle.loads(payload)
                if stored == key:
                    touch(folder)
                    self._note(path)
                    return self._impl.rebuild(target_context, reduced)
            except DamagedCacheError as error:
                warn_once(f"{path}: {error}; the kernel is compiled anew")
            except Exception as error:  # whatever unpickling raises in an unknown state
                warn_once(f"{path}: {type(error).__name__}; the kernel is compiled anew")
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function in the first place that takes it."""
        if not self._enabled or not self._impl.check_cachable(data):
            self._note(None)
            return
        key = self._make_key(sig, data.codegen)
        payload = _serialize.dumps((key, self._impl.reduce(data)))
        reasons = []
        for folder in self._folders:
            try:
                is_new = not folder.exists()
                write_checked(folder / self._name_file(key), payload)
            except OSError as error:
                reasons.append(f"{folder.parent}: {(error.strerror or str(error)).lower()}")
                continue
            self._note(folder / self._name_file(key))
            if is_new:
                keep_newest(folder.parent, "kernels-*", KEPT_FOLDERS)
            return
        self._note(None)
        places = "; ".join(dict.fromkeys(reasons))
        warn_once(f"kernels cannot be kept, the next run compiles them again: {places}")

    def _note(self, path: Path | None) -> None:
        """Where a kernel of this package lies, for `list_used_files`; None: nowhere."""
        if self._is_ours and path is not None:
            _used.add(path)
        elif self._is_ours:
            _lost.add(self._stem)

    def _make_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*self._index_key(sig, codegen), self._source)

    def _name_file(self, key: tuple[Any, ...]) -> str:
        return f"{self._stem}.{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}.kernel"
