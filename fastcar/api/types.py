"""Types of arguments, and what makes models of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arguments import check_argument
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.errors import ArgumentError
from fastcar.reference.token_model import load_clip_model

PathLike = str | os.PathLike[str]
Report = dict[str, Any]
"""JSON values."""

Texts = str | Sequence[str]
Numbers = float | Sequence[float] | NDArray[np.floating[Any]]
Thresholds = float | Sequence[float | None] | NDArray[np.floating[Any]] | None
"""One or one per layer; None = none, within a list for a layer that never replays."""

Float = type[np.float32] | type[np.float64]
DType = str | Float
Request = TypeVar("Request")

_FLOATS: dict[str, Float] = {"float32": np.float32, "float64": np.float64}


def make(kind: Callable[..., Request], **values: Any) -> Request:
    """A request from values of the wider types of the public functions.

    Raises:
        ArgumentError: one of them is nothing of its kind or outside its limits.
    """
    return kind(**values)


def get_dtype(dtype: DType) -> Float:
    """The type of the arithmetic.

    >>> get_dtype("float64").__name__
    'float64'
    """
    for name, kind in _FLOATS.items():
        if dtype is kind or (isinstance(dtype, str) and dtype == name):
            return kind
    if not isinstance(dtype, type):
        check_argument("dtype", dtype, str)
    raise ArgumentError("dtype", dtype, f"one of {', '.join(_FLOATS)}")


def load_clips(
    checkpoint: PathLike, tokens: PathLike | None, tokens_per_frame: int | None
) -> ClipModel:
    """A video model with its clips, or any Hugging Face Llama directory with a file of tokens.

    Raises:
        ArgumentError: what is no path or no number, one of the two last without the other.
        CheckpointError: a file that cannot be used.
    """
    return load_clip_model(
        check_argument("checkpoint", checkpoint, PathLike),
        check_argument("tokens", tokens, PathLike | None),
        check_argument("tokens_per_frame", tokens_per_frame, int | None),
    )
