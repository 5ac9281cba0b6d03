"""Fields of a JSON report that anybody may have written: each is checked when it is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe

MAX_COUNT = 2**53
"""Larger integers are not exact in JavaScript."""
MAX_NUMBER = 1e300
"""Larger numbers would be infinite as percentages."""


@dataclass(frozen=True)
class Fields:
    """An object of a report.

    Attributes:
        values: its members.
        place: the file, for refusals.
        path: of the object within the report; empty for the whole.
    """

    values: dict[str, Any]
    place: str
    path: str = ""

    def has(self, name: str) -> bool:
        """Whether there is such a member, and it is not null."""
        return self.values.get(name) is not None

    def get(self, name: str) -> Fields:
        """An object.

        Raises:
            CheckpointError: it is missing or something else; likewise below.
        """
        return Fields(self._take(name, dict, "an object"), self.place, self._join(name))

    def get_objects(self, name: str) -> list[Fields]:
        """A list of objects."""
        return list(self._list_objects(name))

    def get_text(self, name: str) -> str:
        """A string."""
        text: str = self._take(name, str, "a text")
        return text

    def get_flag(self, name: str) -> bool:
        """True or false."""
        flag: bool = self._take(name, bool, "true or false")
        return flag

    def get_count(self, name: str) -> int:
        """An integer from 0 on."""
        value = self._take(name, int, "a number from 0 on")
        if isinstance(value, bool) or not 0 <= value <= MAX_COUNT:
            raise self._refuse(name, f"an integer from 0 to {MAX_COUNT}")
        return int(value)

    def get_number(self, name: str) -> float:
        """A finite number."""
        return self._check_number(self.values.get(name), name)

    def find_number(self, name: str) -> float | None:
        """A finite number, or None for null or nothing."""
        return self.get_number(name) if self.has(name) else None

    def get_numbers(self, name: str) -> list[float]:
        """A list of finite numbers."""
        found = self._take(name, list, "a list of numbers")
        return [self._check_number(value, f"{name}[{index}]") for index, value in enumerate(found)]

    def find_numbers(self, name: str) -> list[float | None]:
        """A list of finite numbers and nulls."""
        found = self._take(name, list, "a list of numbers")
        return [
            None if value is None else self._check_number(value, f"{name}[{index}]")
            for index, value in enumerate(found)
        ]

    def get_thresholds(self, name: str) -> list[float | None]:
        """A list of numbers and nulls, infinite ones as "inf" and "-inf"."""
        found = self._take(name, list, "a list of numbers")
        infinite = {"inf": math.inf, "-inf": -math.inf}
        return [
            infinite[value]
            if isinstance(value, str) and value in infinite
            else None
            if value is None
            else self._check_number(value, f"{name}[{index}]")
            for index, value in enumerate(found)
        ]

    def get_counts(self, name: str) -> dict[str, int]:
        """An object whose members are integers from 0 on."""
        inner = self.get(name)
        return {key: inner.get_count(key) for key in inner.values}

    def get_amounts(self, name: str) -> dict[str, float]:
        """An object whose members are finite numbers."""
        inner = self.get(name)
        return {key: inner.get_number(key) for key in inner.values}

    def _list_objects(self, name: str) -> Iterator[Fields]:
        for index, value in enumerate(self._take(name, list, "a list of objects")):
            if not isinstance(value, dict):
                raise self._refuse(f"{name}[{index}]", "an object", value)
            yield Fields(value, self.place, self._join(f"{name}[{index}]"))

    def _take(self, name: str, kind: type[Any], limit: str) -> Any:
        value = self.values.get(name)
        if not isinstance(value, kind):
            raise self._refuse(name, limit)
        return value

    def _check_number(self, value: Any, name: str) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        try:
            number = float(value) if is_number else math.nan
        except OverflowError:  # an integer of hundreds of digits
            number = math.nan
        if not abs(number) <= MAX_NUMBER:
            raise self._refuse(name, "a finite number", value)
        return number

    def _refuse(self, name: str, limit: str, value: Any = ...) -> CheckpointError:
        if value is ...:
            value = self.values.get(name)
            if name not in self.values:
                return CheckpointError(self._locate(name), "nothing", limit)
        return CheckpointError(self._locate(name), describe(value), limit)

    def _locate(self, name: str) -> str:
        return f"{self.place}: {self._join(name)}"

    def _join(self, name: str) -> str:
        shown = name if name.isprintable() else ascii(name)
        return f"{self.path}.{shown}" if self.path else shown
