"""Points of a sweep, each known by a digest of what it says (D-64)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastcar.sweeps.keys import Scope


@dataclass(frozen=True)
class Point:
    """One evaluation.

    Attributes:
        index: place in the sweep, from 0.
        digest: SHA-256 of the scope and the values, hexadecimal.
        values: by key; what a sweep leaves open is not there.
    """

    index: int
    digest: str
    values: dict[str, Any]


def make_points(scope: Scope, values: Iterable[dict[str, Any]]) -> tuple[Point, ...]:
    """Points in their order; what is asked for twice stands once.

    >>> from fastcar.sweeps.keys import CYCLES
    >>> [point.index for point in make_points(CYCLES, [{"cores": 1}, {"cores": 2}, {"cores": 1}])]
    [0, 1]
    """
    found: dict[str, Point] = {}
    for one in values:
        ordered = {key: one[key] for key in scope.key_names if key in one}
        digest = compute_digest([scope.name, ordered])
        found.setdefault(digest, Point(len(found), digest, ordered))
    return tuple(found.values())


def compute_digest(content: Any) -> str:
    """SHA-256 of JSON values, whatever the order of their keys.

    >>> compute_digest({"a": 1, "b": 2}) == compute_digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
