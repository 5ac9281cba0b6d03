"""Arguments of any type to the ones that were asked for, or a refusal by name.

A request is a frozen dataclass; `check_fields` reads what its fields shall be from their
annotations and converts what is as good: a number where a tuple of numbers is meant, lists and
arrays, NumPy's numbers, the values of an enumeration as text. What is nothing of the kind is
refused here, so that no other code meets it. Limits of the values stand beside the fields.

Annotations may be int, float, bool, str, an enumeration, a path (`str | os.PathLike[str]`),
`tuple[one of these, ...]`, NDArray of floats, any other class (which is only checked), and unions
of all, None among them. A union takes the first of its members that accepts the value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from enum import Enum
from functools import lru_cache
from operator import is_
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from fastcar.reference.errors import ArgumentError

MAX_INT = 2**63 - 1
"""Largest magnitude of an integer argument: what NumPy's int64 holds."""

PATH = str | os.PathLike[str]


class _UnfitError(Exception):
    """The value is nothing of the kind; the text says what would be."""


def check_fields(request: Any, names: Mapping[str, str] | None = None) -> None:
    """Convert the fields of a frozen dataclass to their annotations, in place.

    Called first in `__post_init__`.

    Args:
        request: instance of a dataclass.
        names: what users call a field, where it is not the field's name.

    Raises:
        ArgumentError: a field of another type, or an integer beyond int64.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Order:
    ...     ratios: tuple[float, ...]
    ...     def __post_init__(self) -> None:
    ...         check_fields(self)
    >>> Order(0.5), Order([0.2, np.float32(1)])
    (Order(ratios=(0.5,)), Order(ratios=(0.2, 1.0)))
    >>> Order("half")
    Traceback (most recent call last):
    fastcar.reference.errors.ArgumentError: ratios = 'half': must be a number or a list of numbers
    """
    kind: Any = type(request)
    annotations = _get_annotations(kind)
    for field in fields(request):
        given = getattr(request, field.name)
        name = (names or {}).get(field.name, field.name)
        value = check_argument(name, given, annotations[field.name])
        if value is not given:
            object.__setattr__(request, field.name, value)


def check_argument(name: str, value: object, annotation: Any) -> Any:
    """One argument as its annotation says.

    Args:
        name: what users call it.
        value: of any type.
        annotation: what it shall be, as the module lists them.

    Raises:
        ArgumentError: another type, or an integer beyond int64.

    >>> check_argument("frames", np.int32(3), int), check_argument("tau", None, float | None)
    (3, None)
    """
    try:
        return _convert(value, annotation)
    except _UnfitError as error:
        raise ArgumentError(name, _shorten(value), str(error)) from None


def _shorten(value: object) -> object:
    """What can be shown in one line: arrays as lists, no integer of thousands of digits."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, int) and value.bit_length() > 1024:
        return f"a number of {value.bit_length()} bits"
    return value


@lru_cache
def _get_annotations(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _convert(value: object, annotation: Any) -> Any:
    """The value as the annotation says.

    Raises:
        _UnfitError: it cannot be.
    """
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _convert_union(value, get_args(annotation))
    if annotation is NoneType:
        return _check(value, value is None, "None")
    if annotation in _CONVERTERS:
        return _CONVERTERS[annotation](value)
    if origin is tuple:
        return _to_tuple(value, get_args(annotation)[0])
    if origin is np.ndarray:
        return _to_array(value)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _to_member(value, annotation)
    if isinstance(annotation, type):
        article = "an" if annotation.__name__[0] in "AEIOU" else "a"
        return _check(value, isinstance(value, annotation), f"{article} {annotation.__name__}")
    return value


def _convert_union(value: object, members: Sequence[Any]) -> Any:
    """What the first member makes of it that accepts it."""
    if value is None and NoneType in members:
        return None
    skipped: tuple[Any, ...] = (NoneType,)
    if os.PathLike[str] in members:
        skipped = (NoneType, str)  # a text is a path there
    limits: list[str] = []
    for member in (member for member in members if member not in skipped):
        try:
            return _convert(value, member)
        except _UnfitError as error:
            limits.append(str(error))
    raise _UnfitError(" or ".join(limits))


def _check(value: Any, fits: bool, limit: str) -> Any:
    if not fits:
        raise _UnfitError(limit)
    return value


def _to_scalar(value: object) -> object:
    """A number out of an array without axes; anything else as it is."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return value[()]
    return value


def _to_int(given: object) -> int:
    value = _to_scalar(given)
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise _UnfitError("a whole number")
    if value > MAX_INT:
        raise _UnfitError(f"at most {MAX_INT}")
    if value < -MAX_INT:
        raise _UnfitError(f"at least {-MAX_INT}")
    return int(value)


def _to_float(given: object) -> float:
    value = _to_scalar(given)
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise _UnfitError("a number")
    try:
        return float(value)
    except OverflowError:
        raise _UnfitError("a number that a float holds") from None


def _to_bool(given: object) -> bool:
    value = _to_scalar(given)
    return bool(_check(value, isinstance(value, bool | np.bool_), "True or False"))


def _to_str(given: object) -> str:
    value = _to_scalar(given)
    return str(_check(value, isinstance(value, str), "a text"))


def _to_path(value: object) -> str | os.PathLike[str]:
    """A path; the empty one is somebody's accident, not the working directory."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise _UnfitError("the path of a file or directory")
    return value  # type: ignore[return-value]


def _to_member(value: object, kind: type[Enum]) -> Enum:
    for member in kind:
        if value is member or (isinstance(value, str) and value == member.value):
            return member
    raise _UnfitError(f"one of {', '.join(str(member.value) for member in kind)}")


def _to_array(value: object) -> Any:
    """Numbers in any nesting as float64."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        raise _UnfitError("an array of numbers")
    return value if array is value and array.dtype == np.float64 else array.astype(np.float64)


def _to_tuple(given: Any, member: Any) -> tuple[Any, ...]:
    """A tuple of a list, of an array with one axis, or of one value alone."""
    value: Any = _to_scalar(given)
    is_list = isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim == 1)
    try:
        if not is_list:
            return (_convert(value, _without_none(member)),)
        items = value.tolist() if isinstance(value, np.ndarray) else value
        converted = tuple(_convert(item, member) for item in items)
    except _UnfitError as error:
        if str(error) not in _PLURALS:
            raise
        raise _UnfitError(f"{error} or a list of {_PLURALS[str(error)]}") from None
    return given if isinstance(given, tuple) and all(map(is_, converted, given)) else converted


def _without_none(annotation: Any) -> Any:
    """The annotation of one value that stands for a list: None says that nothing was given."""
    members = [member for member in get_args(annotation) if member is not NoneType]
    return members[0] if len(members) == 1 else annotation


_PLURALS = {"a number": "numbers", "a whole number": "whole numbers", "a text": "texts"}
_CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    os.PathLike[str]: _to_path,
    int: _to_int,
    float: _to_float,
    bool: _to_bool,
    str: _to_str,
}
