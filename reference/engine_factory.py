"""Engines by name, and the one that is chosen where the name is left open."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from fastcar.reference.config import ModelConfig
from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.engine_choice import (
    AUTO,
    NUMBA,
    NUMPY,
    Decode,
    EngineChoice,
    choose_engine,
    estimate_seconds,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.kernel_marks import are_kept
from fastcar.reference.matrix import DecoderWeights, get_dtype

ENGINE_NAMES = (NUMPY, NUMBA)
"""The spec and the compiled kernels."""


def make_engine(name: str) -> Engine:
    """An engine of `ENGINE_NAMES`; Numba, which takes a second to import, only where asked for."""
    if name == NumpyEngine.name:
        return NumpyEngine()
    if name not in ENGINE_NAMES:
        raise ArgumentError("engine", name, f"one of {', '.join(ENGINE_NAMES)}")
    from fastcar.reference.kernels.engine import NumbaEngine

    return NumbaEngine()


def select_engine(
    asked: str,
    config: ModelConfig,
    weights: DecoderWeights,
    decodes: Sequence[Decode],
    kernels: frozenset[str],
) -> tuple[Engine, EngineChoice]:
    """The engine that is asked for; of "auto" the one that suits the work (D-51).

    Args:
        asked: of `fastcar.reference.engine_choice.ENGINE_CHOICES`.
        config: sizes.
        weights: of the type of the arithmetic.
        decodes: all that shall be computed.
        kernels: names of those that it calls (`fastcar.reference.kernel_list`).

    Raises:
        ArgumentError: an unknown name, or "numba" where Numba cannot be used.
    """
    if asked != AUTO:
        return make_engine(asked), EngineChoice(asked, "asked for")
    seconds = estimate_seconds(config, decodes)
    choice = choose_engine(get_dtype(weights), seconds, are_kept(kernels), find_obstacle())
    try:
        return make_engine(choice.name), choice
    except (ArgumentError, ImportError, OSError) as error:  # what only Numba itself can tell
        obstacle = " ".join(str(error).split()) or type(error).__name__
        choice = choose_engine(get_dtype(weights), seconds, False, obstacle)
        return make_engine(choice.name), choice


def find_obstacle() -> str | None:
    """Why Numba cannot be used, as far as it can be told without importing it; None = it can."""
    if find_spec("numba") is None:
        return "numba is not installed"
    try:
        from fastcar.reference.kernels.environment import check_environment

        check_environment()
    except ArgumentError as error:
        return str(error)
    return None
