"""Refusals: one exception class per kind, each text names argument, value and limit."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any


class FastCarError(Exception):
    """Base of every refusal; its text is one line that a command prints as it stands.

    Refusals cross processes, whatever arguments a kind takes: text and attributes are carried over
    and no constructor is called again. An attribute that cannot be carried arrives as its `repr`.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: _make_portable(value) for name, value in vars(self).items()}
        return _rebuild, (type(self), self.args, state)


class ArgumentError(FastCarError, ValueError):
    """An argument has a value outside its limit."""

    def __init__(self, argument: str, value: object, limit: str) -> None:
        self.argument = argument
        self.value = value
        self.limit = limit
        super().__init__(f"{argument} = {_shorten(value, repr, 80)}: must be {limit}")


class CheckpointError(FastCarError):
    """A checkpoint directory or one of its files cannot be used."""

    def __init__(self, place: str, found: object, limit: str) -> None:
        self.place = place
        self.found = found
        self.limit = limit
        super().__init__(f"{place}: found {_shorten(found, str, 120)}: must be {limit}")


class OutputError(FastCarError):
    """A result cannot be written where it was asked for."""

    def __init__(self, path: object, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"output = {str(path)!r}: {reason}")


class NonFiniteError(FastCarError):
    """Decoding left the range of its arithmetic: an infinity or NaN, or what would become one."""

    def __init__(self, quantity: str, value: object, place: str, limit: str = "finite") -> None:
        self.quantity = quantity
        self.value = value
        self.place = place
        self.limit = limit
        super().__init__(f"{quantity} = {value} {place}: must be {limit}")


def _shorten(value: object, show: Callable[[object], str], most: int) -> str:
    """A value in one line of a length that can be read."""
    try:
        text = show(value)
    except ValueError:  # Python shows no integer of thousands of digits
        text = f"{type(value).__name__} too long to be shown"
    return text if len(text) <= most else text[: most - 3] + "..."


def _make_portable(value: object) -> object:
    try:
        pickle.loads(pickle.dumps(value))
    except Exception:  # whatever the pickling of a stranger's object raises
        return repr(value)
    return value


def _rebuild(
    kind: type[FastCarError], args: tuple[object, ...], state: dict[str, object]
) -> FastCarError:
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(state)
    return error
