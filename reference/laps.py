"""Where the time goes: each moment of a decode step belongs to one named part.

Methods say by a decorator to which part a call of them belongs; what they do reads as if nobody
looked at the clock.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from fastcar.reference.errors import ArgumentError

PARTS = ("attention", "mlp", "score", "other")
"""Parts of a decode step."""


class Laps:
    """A stopwatch with named parts, one inside the other.

    Attributes:
        seconds: time of each part of `PARTS` so far, that of parts inside it left out.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._open: list[str | None] = [None]
        self._last = time.perf_counter()

    def enter(self, part: str | None) -> None:
        """Time belongs to this part of `PARTS` until `leave`; to none if None."""
        if part is not None and part not in PARTS:
            raise ArgumentError("part", part, f"one of {', '.join(PARTS)}")
        self._mark()
        self._open.append(part)

    def leave(self) -> None:
        """Time belongs to the part around again."""
        self._mark()
        self._open.pop()

    @contextmanager
    def account(self, part: str | None) -> Iterator[None]:
        """Time of the block belongs to this part."""
        self.enter(part)
        try:
            yield
        finally:
            self.leave()

    def _mark(self) -> None:
        now, part = time.perf_counter(), self._open[-1]
        if part is not None:
            self.seconds[part] += now - self._last
        self._last = now


class HasLaps(Protocol):
    """Whose methods are timed."""

    laps: Laps


Owner = TypeVar("Owner", bound=HasLaps)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def accounted(
    part: str | None,
) -> Callable[
    [Callable[Concatenate[Owner, Parameters], Result]],
    Callable[Concatenate[Owner, Parameters], Result],
]:
    """Decorate a method: its time belongs to this part of its owner's `laps`."""

    def decorate(
        method: Callable[Concatenate[Owner, Parameters], Result],
    ) -> Callable[Concatenate[Owner, Parameters], Result]:
        @functools.wraps(method)
        def call(owner: Owner, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            laps = owner.laps
            laps.enter(part)
            try:
                return method(owner, *args, **kwargs)
            finally:
                laps.leave()

        return call

    return decorate
