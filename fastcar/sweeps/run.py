"""A sweep from its file to rows in a folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcar.extras import check_installed
from fastcar.output import check_writable, refuse_errors, resolve, write_atomically
from fastcar.provenance import describe_software
from fastcar.reference.errors import OutputError
from fastcar.reference.progress import Progress
from fastcar.sweeps.evaluate import Job, check_points, digest_code, evaluate_job
from fastcar.sweeps.executors import Executor
from fastcar.sweeps.rows import LOCK_FILE, PARTS_FOLDER, ROWS_FILE, RowStore, lock
from fastcar.sweeps.spec import SweepSpec

SCHEMA_VERSION = 1
MANIFEST_FILE = "sweep.json"
OURS = frozenset({MANIFEST_FILE, ROWS_FILE, PARTS_FOLDER, LOCK_FILE})
FLUSH_SECONDS = 2.0
"""At most so much work is lost with a process that is killed, and one job of each worker."""
FLUSH_ROWS = 20_000


@dataclass(frozen=True)
class SweepResult:
    """What a sweep did.

    Attributes:
        rows_path: the file of all rows.
        num_points: rows in it.
        num_resumed: that stood there before.
        num_refused: rows without a result.
    """

    rows_path: Path
    num_points: int
    num_resumed: int
    num_refused: int


def run_sweep(
    spec: SweepSpec,
    out: str | os.PathLike[str],
    executor: Executor,
    progress: Progress | None = None,
) -> SweepResult:
    """Evaluate every point that has no row yet.

    Args:
        spec: of `fastcar.sweeps.spec.read_spec`.
        out: folder, a new one or that of the same sweep.
        executor: where points are evaluated.
        progress: called with points done and in all.

    Raises:
        ArgumentError: a value outside of its limits, a scheduler that does not answer.
        OutputError: the folder cannot be written, or holds something else.
        ModuleNotFoundError: pyarrow is not installed.
    """
    check_installed("pyarrow")
    check_points(spec.scope, spec.points)
    folder = resolve(out)
    with refuse_errors(out):
        _prepare(folder)
        folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        store = RowStore(folder, spec)
        store.load()
        num_resumed = len(store.done)
        _write_manifest(folder, spec)
        _evaluate(store, executor, progress)
        num_refused = store.finish()
    return SweepResult(folder / ROWS_FILE, len(spec.points), num_resumed, num_refused)


def _prepare(folder: Path) -> None:
    """A folder that is new, empty or a sweep's."""
    check_writable(folder / ROWS_FILE)
    if not folder.exists():
        return
    foreign = sorted({path.name for path in folder.iterdir() if path.name[0] != "."} - OURS)
    if foreign and not (folder / MANIFEST_FILE).exists():
        reason = f"holds {foreign[0]}: must be a new folder, an empty one, or that of this sweep"
        raise OutputError(folder, reason)


def _write_manifest(folder: Path, spec: SweepSpec) -> None:
    manifest: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "provenance": describe_software(),
        "scope": spec.scope.name,
        "spec_sha256": spec.digest,
        "code_sha256": digest_code(),
        "num_points": len(spec.points),
    }
    with write_atomically(folder / MANIFEST_FILE) as path:
        path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _evaluate(store: RowStore, executor: Executor, progress: Progress | None) -> None:
    """All open points; whatever ends this, rows that came back are written."""
    total, flushed = len(store.spec.points), time.monotonic()
    if progress is not None:
        progress(len(store.done), total)
    try:
        for _, rows in executor.run(evaluate_job, _list_jobs(store)):
            store.add(rows)
            now = time.monotonic()
            if now - flushed >= FLUSH_SECONDS or store.num_pending >= FLUSH_ROWS:
                store.flush()
                flushed = time.monotonic()
            if progress is not None:
                progress(len(store.done), total)
    finally:
        store.flush()


def _list_jobs(store: RowStore) -> Iterator[Job]:
    """Open points by the chunk; which are open is decided once."""
    spec = store.spec
    points = [point for point in spec.points if point.digest not in store.done]
    size = spec.scope.chunk_size
    for first in range(0, len(points), size):
        yield Job(spec.scope.name, spec.digest, tuple(points[first : first + size]))
