"""Points to rows, wherever a job runs: in this process, in another, on another machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from fastcar.provenance import digest_files, list_weight_files
from fastcar.reference.errors import FastCarError
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.sweeps.keys import CYCLES, LIST, SCOPES, Scope
from fastcar.sweeps.points import Point

Row = dict[str, Any]
Evaluate = Callable[[dict[str, Any]], Row]

TREES = ("", ".reference", ".rtl", ".cosim", ".proofs")
"""Packages whose sources decide what a row says."""


@dataclass(frozen=True)
class Job:
    """Points that are evaluated together.

    Attributes:
        scope: name of `SCOPES`.
        spec_digest: of the sweep.
        points: of it.
    """

    scope: str
    spec_digest: str
    points: tuple[Point, ...]


def evaluate_job(job: Job) -> list[Row]:
    """Rows of a job, in the order of its points, without columns that are null.

    A point that is refused gets a row that says why: one combination of a product that there
    cannot be must not end the others.
    """
    scope = SCOPES[job.scope]
    evaluate = get_evaluation(scope)
    return [_evaluate_point(scope, evaluate, job.spec_digest, point) for point in job.points]


def get_evaluation(scope: Scope) -> Evaluate:
    """The function of a scope."""
    evaluate: Evaluate = import_module(f"fastcar.sweeps.evaluate_{scope.name}").evaluate
    return evaluate


def check_points(scope: Scope, points: Sequence[Point]) -> None:
    """Refuse values that are outside of their limits, before a long run starts.

    Of every value of every key the first point that has it; what only a combination makes
    impossible becomes a row.

    Raises:
        ArgumentError: what the request of a point refuses.
    """
    check = import_module(f"fastcar.sweeps.evaluate_{scope.name}").check
    seen: set[tuple[str, str]] = set()
    for point in points:
        said = {(key, json.dumps(value)) for key, value in point.values.items()}
        if not said <= seen:
            check(point.values)
            seen |= said


def _evaluate_point(scope: Scope, evaluate: Evaluate, spec_digest: str, point: Point) -> Row:
    row: Row = {
        "point_index": point.index,
        "point_sha256": point.digest,
        "spec_sha256": spec_digest,
        "code_sha256": digest_code(),
        **encode_values(scope, point.values),
    }
    try:
        weights = digest_weights(scope, point.values)
        return row | {"weights_sha256": weights, **evaluate(point.values)}
    except FastCarError as error:
        return row | {"refusal": str(error)}


def encode_values(scope: Scope, values: dict[str, Any]) -> Row:
    """What a point says, as its columns hold it."""
    kinds = {key.name: key.kind for key in scope.keys}
    return {
        name: json.dumps(value) if kinds[name] == LIST else value for name, value in values.items()
    }


@cache
def digest_code() -> str:
    """SHA-256 of every Python source of the package, in the order of their names."""
    files: list[Path] = []
    for tree in TREES:
        for folder in import_module(f"fastcar{tree}").__path__:
            files += sorted(
                path
                for path in Path(folder).rglob("*.py")
                if tree or not _is_linked(Path(folder), path)
            )
    digest = digest_files(files)
    return digest or ""


def _is_linked(root: Path, path: Path) -> bool:
    """Whether a file lies in one of the other trees, which a link may show below the package."""
    return path.relative_to(root).parts[0] in {tree[1:] for tree in TREES if tree} | {"docs"}


def digest_weights(scope: Scope, values: dict[str, Any]) -> str | None:
    """Of the checkpoint that a point reads; None of a preset, of which the sizes alone count."""
    directory = values.get("checkpoint")
    if directory is None and scope is CYCLES:
        return None
    return _digest_directory(str(SHIPPED_MODEL if directory is None else directory))


@cache
def _digest_directory(directory: str) -> str | None:
    return digest_files(list_weight_files(Path(directory)))
