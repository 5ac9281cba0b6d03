"""A sweep of `fastcar sweep`: its manifest, sweep.json, and its rows, rows.parquet."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.html_report.fields import Fields
from fastcar.html_report.runs.run import Origin, read_origin
from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe_path, get_file_size

ROWS_NAME = "rows.parquet"
MAX_SHOWN = 2000
"""Rows of one sweep that are drawn; of more, as many at equal distances."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Curves:
    """What is drawn of a scope.

    Attributes:
        x: column of replayed shares.
        y: columns, of which the first that has numbers is drawn.
        title: of y, in words.
        names: columns whose values name a curve.
    """

    x: str
    y: tuple[str, ...]
    title: str
    names: tuple[str, ...]


CURVES = {
    "decoder": Curves(
        "replay_ratio",
        ("replay_truth_psnr_decibels", "psnr_decibels"),
        "PSNR, dB (100 = the same)",
        ("gate", "checkpoint", "correct"),
    ),
    "cycles": Curves(
        "measured_ratio",
        ("drs_speed_up",),
        "speed-up of DRS against dense",
        ("preset", "checkpoint", "cores", "lanes", "batch", "latency"),
    ),
    "cosim": Curves(
        "replay_ratio",
        ("speed_up_against_dense",),
        "speed-up against dense",
        ("level", "mode", "cores", "lanes", "batch", "latency"),
    ),
}
"""By the scope of the sweep."""


@dataclass(frozen=True)
class SweepRun:
    """Points of a sweep that have a result.

    Attributes:
        origin: where it came from.
        scope: what was evaluated.
        num_points: of the whole sweep.
        rows: with the columns of `CURVES`, at most `MAX_SHOWN`; a column may be missing.
        problem: why there are no rows; None where there are.
    """

    origin: Origin
    scope: str
    num_points: int
    rows: tuple[Row, ...]
    problem: str | None


def is_sweep(values: dict[str, object]) -> bool:
    """Whether a file is the manifest of a sweep."""
    return {"scope", "num_points", "spec_sha256", "code_sha256"} <= values.keys()


def read_sweep(path: Path, label: str, fields: Fields) -> SweepRun:
    """Read manifest and rows.

    Raises:
        CheckpointError: a field that cannot be, or rows that are damaged.
    """
    scope, num_points = fields.get_text("scope"), fields.get_count("num_points")
    names = ("scope", "num_points", "spec_sha256", "code_sha256")
    origin = read_origin(path, label, fields, {name: fields.values[name] for name in names})
    rows: tuple[Row, ...] = ()
    problem = _find_problem(scope, path.parent / ROWS_NAME)
    if problem is None:
        rows = _read_rows(path.parent / ROWS_NAME, CURVES[scope])
    return SweepRun(origin, scope, num_points, rows, problem)


def _find_problem(scope: str, path: Path) -> str | None:
    if scope not in CURVES:
        return f"This page has no curve for sweeps of scope {scope}."
    if find_spec("pyarrow") is None:
        return "The rows were not read: pyarrow is not installed (pip install pyarrow)."
    if not path.exists():
        return f"The sweep is not done: it has no {ROWS_NAME} yet."
    return None


def _read_rows(path: Path, curves: Curves) -> tuple[Row, ...]:
    get_file_size(path)
    parquet: Any = import_module("pyarrow.parquet")
    arrow: Any = import_module("pyarrow")
    try:
        with parquet.ParquetFile(path) as file:
            return _take_rows(file, curves)
    except (arrow.ArrowException, OSError, ValueError) as error:
        found = ascii(" ".join(str(error).split()))
        raise CheckpointError(describe_path(path), found, "rows of a sweep") from error


def _take_rows(file: Any, curves: Curves) -> tuple[Row, ...]:
    """The columns that are drawn, as far as they are there, of rows that have a result."""
    wanted = {curves.x, *curves.y, *curves.names, "refusal"}
    table = file.read(columns=[name for name in file.schema_arrow.names if name in wanted])
    if table.num_rows > MAX_SHOWN:
        places = np.linspace(0, table.num_rows - 1, MAX_SHOWN).round().astype(int)
        table = table.take(places.tolist())
    rows: list[Row] = table.to_pylist()
    return tuple(row for row in rows if row.get("refusal") is None)
