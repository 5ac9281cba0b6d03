"""A sweep file: axes whose values are combined, and lists of points (D-64)."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any

from fastcar.reference.errors import CheckpointError
from fastcar.sweeps.keys import LIST, SCOPES, Scope
from fastcar.sweeps.points import Point, compute_digest, make_points

TOP_KEYS = ("scope", "axes", "points")
RANGE_KEYS = ("first", "count", "step")
MAX_POINTS = 10_000_000
"""More would not fit into memory; a slip of the keyboard shall not fill it."""
MAX_BYTES = 1 << 24

Values = dict[str, Any]


@dataclass(frozen=True)
class SweepSpec:
    """What to sweep.

    Attributes:
        scope: what is evaluated.
        points: each once, in their order.
    """

    scope: Scope
    points: tuple[Point, ...]

    @property
    def digest(self) -> str:
        """Of all points in their order; comments and layout of the file do not count."""
        return compute_digest([self.scope.name, *(point.digest for point in self.points)])


def read_spec(path: str | os.PathLike[str]) -> SweepSpec:
    """A sweep file.

    Raises:
        CheckpointError: no such file, no TOML, an unknown key (its line and the nearest name), a
            value that is none, more points than `MAX_POINTS`.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CheckpointError(str(path), error.strerror or error, "a sweep file") from error
    if len(content) > MAX_BYTES:
        raise CheckpointError(str(path), f"more than {MAX_BYTES} bytes", "a sweep file")
    try:
        return parse_spec(content.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise CheckpointError(str(path), error.reason, "text in UTF-8") from error


def parse_spec(text: str, name: str = "sweep") -> SweepSpec:
    r"""Likewise of the text of a file.

    >>> spec = parse_spec('scope = "cycles"\n[axes]\ncores = [1, 2]\nratio = [0.2, 0.5]')
    >>> len(spec.points), spec.points[1].values
    (4, {'cores': 1, 'ratio': 0.5})
    >>> parse_spec('scope = "cycles"\n[axes]\ncorse = [1]', "mine.toml")
    Traceback (most recent call last):
    fastcar.reference.errors.CheckpointError: mine.toml, line 3: found corse: must be a key of
    scope cycles; did you mean 'cores'?
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CheckpointError(name, " ".join(str(error).split()), "TOML") from error
    return _Reader(text, name).read(document)


class _Reader:
    """From the document to points; refusals name the line."""

    def __init__(self, text: str, name: str) -> None:
        self.lines, self.name = text.splitlines(), name

    def read(self, document: Values) -> SweepSpec:
        """All of it."""
        self._check_keys(document, TOP_KEYS, "a sweep file")
        scope = self._read_scope(document)
        axes = self._read_table(document.get("axes", {}), "axes")
        self._check_keys(axes, scope.key_names, f"scope {scope.name}")
        listed = document.get("points", [])
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise self._refuse("points", listed, "tables [[points]]")
        for one in listed:
            self._check_keys(one, scope.key_names, f"scope {scope.name}")
            for key in one.keys() & axes.keys():
                raise self._refuse(key, "in axes and in points", "given in one of them")
        values = {key: self._read_axis(scope, key, value) for key, value in axes.items()}
        points = [self._check_point(scope, one) for one in listed or [{}]]
        self._check_count(values, len(points))
        if not axes and not listed:
            raise CheckpointError(self.name, "no points", "a file with [axes] or [[points]]")
        return SweepSpec(scope, make_points(scope, _combine(values, points)))

    def _read_scope(self, document: Values) -> Scope:
        name = document.get("scope")
        if not isinstance(name, str) or name not in SCOPES:
            near = get_close_matches(str(name), SCOPES, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise self._refuse("scope", name, f"one of {', '.join(SCOPES)}{hint}")
        return SCOPES[name]

    def _read_table(self, table: Any, key: str) -> Values:
        if not isinstance(table, dict):
            raise self._refuse(key, table, "a table")
        return table

    def _read_axis(self, scope: Scope, key: str, value: Any) -> list[Any]:
        """Values of an axis: a list, a range of integers, or one value."""
        if isinstance(value, dict):
            value = self._read_range(key, value)
        values = value if isinstance(value, list) else [value]
        if not values:
            raise self._refuse(key, "no value", "at least one")
        return [self._check_value(scope, key, one) for one in values]

    def _read_range(self, key: str, table: Values) -> list[int]:
        for name, value in table.items():
            if name not in RANGE_KEYS or isinstance(value, bool) or not isinstance(value, int):
                limit = "integers first, count and perhaps step"
                raise self._refuse(key, f"{name} = {value!r}", limit)
        first, count, step = table.get("first", 0), table.get("count", 0), table.get("step", 1)
        if not 1 <= count <= MAX_POINTS:
            raise self._refuse(key, f"count = {count}", f"from 1 to {MAX_POINTS}")
        return list(range(first, first + count * step, step)) if step else [first]

    def _check_point(self, scope: Scope, point: Values) -> Values:
        return {key: self._check_value(scope, key, value) for key, value in point.items()}

    def _check_value(self, scope: Scope, key: str, value: Any) -> Any:
        """A value of the kind of its column."""
        kind = next(one.kind for one in scope.keys if one.name == key)
        found = check_kind(kind, value)
        if found is None:
            raise self._refuse(key, repr(value), f"a value of kind {kind}")
        return found

    def _check_count(self, axes: Mapping[str, list[Any]], count: int) -> None:
        for values in axes.values():
            count *= len(values)
        if count > MAX_POINTS:
            raise CheckpointError(self.name, f"{count} points", f"at most {MAX_POINTS}")

    def _check_keys(self, table: Values, known: tuple[str, ...], what: str) -> None:
        for key in table:
            if key not in known:
                near = get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"these are {', '.join(known)}"
                raise self._refuse(key, key, f"a key of {what}; {hint}")

    def _refuse(self, key: str, found: object, limit: str) -> CheckpointError:
        """With the first line that gives the key."""
        pattern = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*(=|\]|\.)")
        inside = re.compile(rf"[{{,.]\s*[\"']?{re.escape(key)}[\"']?\s*=")
        for number, line in enumerate(self.lines, 1):
            if pattern.match(line) or inside.search(line):
                place = f"{self.name}, line {number}"
                found = found if found == key else f"{key} = {found}"
                return CheckpointError(place, found, limit)
        return CheckpointError(self.name, f"{key} = {found}", limit)


def check_kind(kind: str, value: Any) -> Any:
    """The value as its column holds it; None if it is of another kind.

    >>> check_kind("number", 1), check_kind("integer", True), check_kind("list", [1, 2.5])
    (1.0, None, [1, 2.5])
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == LIST:
        members = value if isinstance(value, list) else [value]
        is_fit = all(isinstance(one, int | float | str) for one in members)
        return value if is_fit and members else None
    if kind == "integer":
        is_fit = is_number and isinstance(value, int) and abs(value) < 1 << 63
        return value if is_fit else None
    if kind == "number":
        return _to_float(value) if is_number else None
    return value if isinstance(value, bool if kind == "flag" else str) else None


def _to_float(value: float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _combine(axes: Mapping[str, list[Any]], points: list[Values]) -> Iterator[Values]:
    """Every listed point with every combination of the axes, the last axis the fastest."""
    for point in points:
        for combination in product(*axes.values()):
            yield {**point, **dict(zip(axes, combination, strict=True))}
