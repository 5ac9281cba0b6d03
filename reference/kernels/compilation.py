"""How kernels are compiled: once, kept on disk, and said so.

Numba keys its cache by the file of a function alone, so a kernel would survive a change of the
helpers it calls, and its twin for several threads would be taken for it. Here the cache directory
carries a digest of all sources of the package, and twins have directories of their own.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numba.core.cgutils
import numba.core.registry
import numba.extending
from numba.core import event

Function = Callable[..., Any]
"""Numba's own types say nothing about what a compiled function takes."""

config: Any = numba.config
cgutils: Any = numba.core.cgutils
ir: Any = cgutils.ir
"""LLVM's operations (llvmlite) as Numba brings them; like `cgutils`, without types."""
_registry: Any = numba.core.registry
register: Any = event.register

PACKAGE = Path(__file__).parent
NOTICE = "fastcar: compiling kernels, once; this takes up to a minute"


@cache
def get_target_features() -> dict[str, bool]:
    """Instruction sets, by LLVM's names, that Numba lets its code use or forbids; others are open.

    They need not be those of this machine: NUMBA_CPU_NAME, NUMBA_CPU_FEATURES and NUMBA_ENABLE_AVX
    choose others. Numba keys its cache by them.
    """
    _, _, features = _registry.cpu_target.target_context.codegen().magic_tuple()
    return parse_features(features)


def parse_features(features: str) -> dict[str, bool]:
    """What LLVM's list says; of a name that it holds twice, the last.

    >>> parse_features("+avx2,-avx512f")
    {'avx2': True, 'avx512f': False}
    """
    named = [feature.strip() for feature in features.split(",") if feature.strip()]
    return {feature[1:]: feature[0] == "+" for feature in named}


@cache
def get_digest() -> str:
    """Of all sources of the package."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def kernel(*, parallel: bool = False) -> Callable[[Function], Any]:
    """Compile a function for the types it is first called with; machine code is kept on disk.

    No `fastmath`: a compiler that may reorder sums would make the bits of a row depend on the code
    around it (D-05).

    Args:
        parallel: `prange` loops share their iterations between threads.
    """

    def compile_lazily(function: Function) -> Any:
        before = config.CACHE_DIR
        config.CACHE_DIR = before or str(PACKAGE / "__pycache__")
        config.CACHE_DIR += f"/kernels-{get_digest()}" + "/parallel" * parallel
        try:
            return numba.njit(cache=True, parallel=parallel, nogil=True)(function)
        finally:
            config.CACHE_DIR = before

    return compile_lazily


@dataclass(frozen=True)
class Twins:
    """One function compiled twice: `prange` is `range` for one thread and shared by several.

    Attributes:
        one: for one thread.
        several: for all threads that Numba has.
    """

    one: Any
    several: Any

    def get(self, num_threads: int) -> Any:
        """The twin for a number of threads."""
        return self.several if num_threads > 1 else self.one


def compile_twins(function: Function) -> Twins:
    """Compile a kernel for one thread and for several; both give the same bits (D-05)."""
    return Twins(kernel()(function), kernel(parallel=True)(function))


def device(function: Function) -> Any:
    """A function that only kernels call: it becomes part of their machine code."""
    return numba.njit(nogil=True)(function)


def choose_by_types(function: Function) -> Callable[[Function], Any]:
    """What kernels that call `function` run, of a function from argument types to a function."""
    return numba.extending.overload(function)


def intrinsic(function: Function) -> Any:
    """A function that kernels call and that says itself which instructions it becomes."""
    return numba.extending.intrinsic(function)


class _Notice(event.Listener):
    """Says once that kernels of this package are being compiled."""

    def __init__(self) -> None:
        self._is_said = False

    def on_start(self, event: event.Event) -> None:
        """Called when Numba begins to compile a function that no cache holds."""
        compiled = getattr(event.data["dispatcher"], "py_func", None)
        module = getattr(compiled, "__module__", "")
        if not self._is_said and module.startswith(__package__):
            self._is_said = True
            print(NOTICE, file=sys.stderr, flush=True)

    def on_end(self, event: event.Event) -> None:
        """Nothing to say."""


@cache
def announce_compilation() -> None:
    """From now on, the first compilation is announced on stderr."""
    register("numba:compile", _Notice())
