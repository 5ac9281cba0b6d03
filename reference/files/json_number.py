"""Numbers and flags of a JSON object, of the right type and within their limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe

MAX_SIZE = 2**31 - 1
"""Largest value of any size; keeps every product of two sizes within 64 bits."""


def get_size(document: Mapping[str, Any], name: str, place: str, default: int | None = None) -> int:
    """A whole number from 1 to `MAX_SIZE` under a key; `place` stands before the key in errors.

    Raises:
        CheckpointError: absent without a default, of another type, or out of range.

    >>> get_size({"layers": 2}, "layers", "config.json: ")
    2
    """
    value = document.get(name, default)
    limit = f"a whole number from 1 to {MAX_SIZE}"
    if name not in document and default is None:
        raise CheckpointError(f"{place}{name}", "nothing", limit)
    # bool is a subclass of int
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_SIZE:
        raise CheckpointError(f"{place}{name}", describe(value), limit)
    return value


def get_number(value: object, place: str, limits: tuple[float, float]) -> float:
    """A number from the first to the second limit, as a float.

    Raises:
        CheckpointError: of another type, or out of range.
    """
    low, high = limits
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # comparing first: float() of an integer of 4,000 digits overflows
    if isinstance(value, int | float) and is_number and low <= value <= high:
        return float(value)
    shown = "infinity" if value == math.inf else describe(value)
    raise CheckpointError(place, shown, f"a number from {low:g} to {high:g}")


def get_flag(value: object, place: str) -> bool:
    """True or false.

    Raises:
        CheckpointError: anything else, numbers and null among it.
    """
    if not isinstance(value, bool):
        raise CheckpointError(place, describe(value), "true or false")
    return value
