"""How kernels are compiled: once, kept on disk (`machine_code`), and said so."""

from __future__ import annotations

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

from fastcar.reference.errors import ArgumentError
from fastcar.reference.kernels.machine_code import MachineCodeCache

Function = Callable[..., Any]
"""Numba's own types say nothing about what a compiled function takes."""

config: Any = numba.config
cgutils: Any = numba.core.cgutils
ir: Any = cgutils.ir
"""LLVM's operations (llvmlite) as Numba brings them; like `cgutils`, without types."""
_registry: Any = numba.core.registry
_njit: Any = numba.njit
register: Any = event.register

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


def kernel(
    *, parallel: bool = False, is_bare: bool = False, package: Path | None = None
) -> Callable[[Function], Any]:
    """Compile a function for the types it is first called with; machine code is kept on disk.

    No `fastmath`: a compiler that may reorder sums would make the bits of a row depend on the code
    around it (D-05).

    Args:
        parallel: `prange` loops share their iterations between threads.
        is_bare: as in `bare_device`.
        package: folder with all that it calls, if it lies elsewhere; its sources decide, too.
    """

    def compile_lazily(function: Function) -> Any:
        compiled: Any = _njit(parallel=parallel, nogil=True, _nrt=not is_bare)(function)
        compiled._cache = MachineCodeCache(function, "several" if parallel else "one", package)
        return compiled

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
    return _njit(nogil=True)(function)


def bare_device(function: Function) -> Any:
    """A device that makes no arrays: none is counted, which with many costs more than the work."""
    return _njit(nogil=True, _nrt=False, forceinline=True)(function)


def inlined_device(function: Function) -> Any:
    """A bare device that becomes part of its caller before types are known, without a library."""
    return _njit(nogil=True, _nrt=False, inline="always")(function)


def shared_device(function: Function) -> Any:
    """A bare device that is called from several places: it stays a function of its own."""
    return _njit(nogil=True, _nrt=False)(function)


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


def check_numba() -> None:
    """Refuse where Numba cannot compile, or has no threads.

    Raises:
        ArgumentError: by its environment or its configuration file.
    """
    if config.DISABLE_JIT:
        limit = "0 or not set: kernels are compiled"
        raise ArgumentError("NUMBA_DISABLE_JIT", config.DISABLE_JIT, limit)
    try:
        numba.get_num_threads()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        limit = f"one that can be loaded ({reason})"
        raise ArgumentError("NUMBA_THREADING_LAYER", config.THREADING_LAYER, limit) from error


@cache
def announce_compilation() -> None:
    """From now on, the first compilation is announced on stderr."""
    register("numba:compile", _Notice())
