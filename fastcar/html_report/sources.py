"""From the paths of a command line to runs: which kind a report is, and where it lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from fastcar.html_report.fields import Fields
from fastcar.html_report.runs.analyze_run import AnalyzeRun, is_analyze, read_analyze
from fastcar.html_report.runs.cosim_run import CosimRun, is_cosim, read_cosim
from fastcar.html_report.runs.generate_run import GenerateRun, is_generate, read_generate
from fastcar.html_report.runs.prove_run import ProveRun, is_prove, read_prove
from fastcar.html_report.runs.run import check_version, is_known
from fastcar.html_report.runs.sweep_run import SweepRun, is_sweep, read_sweep
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.json_file import describe_path, read_json_object

Run = GenerateRun | CosimRun | AnalyzeRun | ProveRun | SweepRun


class Kind(NamedTuple):
    """How a kind of report is told from others, and read."""

    is_kind: Callable[[dict[str, Any]], bool]
    read: Callable[[Path, str, Fields], Run]


KINDS = {
    "generate": Kind(is_generate, read_generate),
    "cosim": Kind(is_cosim, read_cosim),
    "analyze": Kind(is_analyze, read_analyze),
    "prove": Kind(is_prove, read_prove),
    "sweep": Kind(is_sweep, read_sweep),
}
"""By the command that writes them."""

REPORT_NAME = "report.json"
UNNAMED = (REPORT_NAME, "sweep.json")
"""Whose folder alone says which run it is."""
WANTED = f"a directory or a JSON report that fastcar {', '.join(KINDS)} wrote"


def read_runs(paths: Iterable[str | os.PathLike[str]]) -> list[Run]:
    """Every run of the paths, in their order.

    Args:
        paths: directories that hold reports, or reports.

    Raises:
        ArgumentError: no path, or one that is no run.
        CheckpointError: a report of another schema version, or one that is damaged.
    """
    given = [Path(path) for path in paths]
    if not given:
        raise ArgumentError("run directory", "nothing", WANTED)
    return [run for path in given for run in _read_path(path)]


def _read_path(path: Path) -> list[Run]:
    try:
        is_directory = path.is_dir()
        files = sorted(path.glob("*.json")) if is_directory else [path]
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise ArgumentError("run directory", str(path), f"{WANTED}; {error}") from error
    if not exists:
        raise ArgumentError("run directory", str(path), f"{WANTED}; there is nothing")
    if not is_directory:
        return [_read_report(path, read_json_object(path))]
    reports = [(file, values) for file in files if (values := _find_report(file)) is not None]
    if not reports:
        raise ArgumentError("run directory", str(path), f"{WANTED}; no report lies in it")
    return [_read_report(file, values) for file, values in reports]


def _find_report(file: Path) -> dict[str, Any] | None:
    """The values of a report; None of a file that is none of ours."""
    try:
        values = read_json_object(file)
    except CheckpointError:
        if file.name == REPORT_NAME:
            raise
        return None
    is_ours = find_kind(values) is not None or _is_of_another_version(file, values)
    return values if is_ours else None


def _is_of_another_version(file: Path, values: dict[str, Any]) -> bool:
    """Whether a file has the name and the version of a report, but a version that is not read.

    Its fields may have any names, so that it is of no kind.
    """
    version = values.get("schema_version")
    return file.name == REPORT_NAME and version is not None and not is_known(version)


def find_kind(values: dict[str, Any]) -> str | None:
    """The command that wrote a report; None if no reader knows it.

    >>> find_kind({"statements": [], "holds": True, "checkpoint": "m", "tokens": {}})
    'prove'
    >>> find_kind({"schema_version": 1}) is None
    True
    """
    return next((name for name, kind in KINDS.items() if kind.is_kind(values)), None)


def _read_report(path: Path, values: dict[str, Any]) -> Run:
    name, fields = find_kind(values), Fields(values, describe_path(path))
    if name is not None or "schema_version" in values:
        check_version(fields)
    if name is None:
        raise ArgumentError("run directory", str(path), WANTED)
    folder = path.resolve().parent.name
    label = f"{name}: {folder if path.name in UNNAMED else f'{folder}/{path.name}'}"
    return KINDS[name].read(path, label, fields)
