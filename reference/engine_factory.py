"""Engines by name."""

from __future__ import annotations

from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.errors import ArgumentError

ENGINE_NAMES = ("numpy", "numba")
"""The spec, which is the default (D-27), and the compiled kernels."""


def make_engine(name: str) -> Engine:
    """An engine of `ENGINE_NAMES`; Numba, which takes a second to import, only where asked for."""
    if name == NumpyEngine.name:
        return NumpyEngine()
    if name not in ENGINE_NAMES:
        raise ArgumentError("engine", name, f"one of {', '.join(ENGINE_NAMES)}")
    from fastcar.reference.kernels.engine import NumbaEngine

    return NumbaEngine()
