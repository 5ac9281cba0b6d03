"""Two arithmetics under one set of names: float64 arrays, and arrays of balls (python-flint).

A ball is an interval with a midpoint; every operation returns a ball that contains the exact
result. NumPy's operators and `np.sqrt`, `np.exp`, `np.tanh` work on object arrays of balls; what
they cannot do (largest element, norm, comparison that may fail) stands here. So a formula written
with these names computes in both arithmetics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import reduce
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Int64Array
from fastcar.reference.errors import ArgumentError

Array = NDArray[Any]
"""float64, or object with a ball in every place."""

Scalar = Any
"""A float or a ball."""

T = TypeVar("T")

PRECISION_BITS = 128
"""Precision of the balls' midpoints."""


def is_ball_array(x: Array) -> bool:
    """Whether the elements are balls."""
    return np.asarray(x).dtype == object


def to_balls(value: T) -> T:
    """A dataclass, tuple or array with every float array replaced by one of exact balls.

    Numbers that are no arrays stay as they are: a Python float enters ball arithmetic exactly.

    Raises:
        ArgumentError: python-flint is not installed.
    """
    arb = _get_ball_type()
    converted: Any = value
    if isinstance(value, np.ndarray):
        if np.issubdtype(value.dtype, np.floating):
            flat = [arb(float(element)) for element in value.ravel()]
            converted = np.array(flat, dtype=object).reshape(value.shape)
    elif isinstance(value, tuple):
        converted = tuple(to_balls(element) for element in value)
    elif is_dataclass(value) and not isinstance(value, type):
        changed = {
            field.name: to_balls(getattr(value, field.name))
            for field in fields(value)
            if field.init
        }
        converted = replace(value, **changed)
    return converted  # type: ignore[no-any-return]


def to_float(x: Scalar) -> float:
    """Midpoint of a ball, or the number itself."""
    return float(x.mid()) if hasattr(x, "mid") else float(x)


def to_floats(x: Array) -> Array:
    """Midpoints of an array of balls, or the array itself; exact balls give their floats back."""
    if not is_ball_array(x):
        return x
    return np.array([to_float(element) for element in x.ravel()]).reshape(x.shape)


def is_certain(comparison: object) -> bool:
    """Result of comparing balls or floats: True only where every member of the balls agrees."""
    return bool(comparison)


def get_maximum(x: Array) -> Scalar:
    """Largest element of a nonempty array of any shape."""
    if not is_ball_array(x):
        return float(np.max(x))
    return reduce(lambda a, b: a.max(b), np.asarray(x).ravel())


def get_minimum(x: Array) -> Scalar:
    """Smallest element."""
    return -get_maximum(-x)


def compute_norm(x: Array) -> Scalar:
    """Euclidean norm of all elements.

    >>> compute_norm(np.array([3.0, 4.0]))
    5.0
    """
    flat = np.asarray(x).ravel()
    if is_ball_array(flat):
        return sqrt(flat @ flat)  # a square around 0 may reach below it in balls
    # Scaled by the largest element, so that squares neither overflow nor vanish.
    largest = float(np.max(np.abs(flat), initial=0.0))
    if largest == 0.0 or not np.isfinite(largest):
        return largest
    scaled = flat / largest
    return float(largest * np.sqrt(scaled @ scaled))


def compute_row_norms(x: Array) -> Array:
    """[..., D] to [...]: Euclidean norm of every row."""
    rows = np.asarray(x).reshape(-1, x.shape[-1])
    norms = np.array([compute_norm(row) for row in rows], dtype=rows.dtype)
    return norms.reshape(x.shape[:-1])


def compute_oscillation(x: Array) -> Scalar:
    """Largest minus smallest element."""
    return get_maximum(x) - get_minimum(x)


def compute_softmax(x: Array) -> Array:
    """Softmax of a vector [n]; the shift by a midpoint changes no exact value."""
    shift = max(to_float(element) for element in x)
    exponentials = np.exp(x - shift)
    probabilities: Array = exponentials / exponentials.sum()
    return probabilities


def exp2(x: Array) -> Array:
    """2^x, element by element.

    >>> exp2(np.array([-1.0, 0.5])).round(4).tolist()
    [0.5, 1.4142]
    """
    if is_ball_array(x):
        powers: Array = np.exp(x * np.log(to_balls(np.array([2.0]))))
        return powers
    return np.exp2(x)


def round_to_whole(x: Array) -> Int64Array:
    """Nearest whole numbers, computed on floats, of floats or exact balls."""
    return np.rint(to_floats(x)).astype(np.int64)


def lift(x: NDArray[Any], like: Array) -> Array:
    """Integers or floats in the arithmetic of another array."""
    floats = np.asarray(x).astype(np.float64)
    return to_balls(floats) if is_ball_array(like) else floats


def sqrt(x: Scalar) -> Scalar:
    """Square root of a number; 0 for a negative one, which only rounding can have made."""
    if hasattr(x, "nonnegative_part"):
        return x.nonnegative_part().sqrt()
    return float(np.sqrt(max(x, 0.0)))


def tanh(x: Scalar) -> Scalar:
    """Hyperbolic tangent of a number."""
    return x.tanh() if hasattr(x, "tanh") else float(np.tanh(x))


def expm1(x: Scalar) -> Scalar:
    """e^x - 1 of a number."""
    return x.expm1() if hasattr(x, "expm1") else float(np.expm1(x))


def maximum(*numbers: Scalar) -> Scalar:
    """Largest of some numbers, balls and floats mixed."""
    return _fold(numbers, "max", max)


def raise_to(x: Array, floor: float) -> Array:
    """Every element, or the floor where that is larger.

    >>> raise_to(np.array([-1.0, 3.0]), 0.0).tolist()
    [0.0, 3.0]
    """
    if not is_ball_array(x):
        return np.maximum(x, floor)
    raised = [maximum(element, floor) for element in x.ravel()]
    return np.array(raised, dtype=object).reshape(x.shape)


def minimum(*numbers: Scalar) -> Scalar:
    """Smallest of some numbers."""
    return _fold(numbers, "min", min)


def _fold(numbers: tuple[Scalar, ...], method: str, plain: Callable[..., Scalar]) -> Scalar:
    balls = [number for number in numbers if hasattr(number, method) and hasattr(number, "mid")]
    if not balls:
        return plain(numbers)
    arb = type(balls[0])
    return reduce(lambda a, b: getattr(arb(a), method)(arb(b)), numbers)


def _get_ball_type() -> Callable[[float], Any]:
    try:
        from flint import arb, ctx
    except ImportError as error:
        limit = "used with python-flint: pip install 'fastcar[proofs]'"
        raise ArgumentError("certify", True, limit) from error
    ctx.prec = PRECISION_BITS
    ball_type: Callable[[float], Any] = arb
    return ball_type
