"""Rows of a sweep in a folder, as Parquet files that appear whole and are checked.

While a sweep runs, rows come in small files `rows/DIGEST.parquet`, named by the first point in
them; at its end they become one `rows.parquet`, in the order of the points. A sweep that was ended
by anything goes on from what stands there (D-65).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcar.output import refuse_errors, write_atomically
from fastcar.reference.errors import OutputError
from fastcar.sweeps.evaluate import Row, digest_code, digest_weights, encode_values
from fastcar.sweeps.keys import Scope, list_columns
from fastcar.sweeps.points import Point
from fastcar.sweeps.spec import SweepSpec

if TYPE_CHECKING:
    import pyarrow

ROWS_FILE, PARTS_FOLDER, LOCK_FILE = "rows.parquet", "rows", ".lock"
_TYPES = {"integer": "int64", "number": "float64", "flag": "bool"}


class RowStore:
    """The rows of one sweep.

    Args:
        folder: of the sweep.
        spec: whose rows they are.
    """

    def __init__(self, folder: Path, spec: SweepSpec) -> None:
        self.folder, self.spec = folder, spec
        self.schema = make_schema(spec.scope)
        self._points = {point.digest: point for point in spec.points}
        self._pending: list[Row] = []
        self.done: set[str] = set()

    def load(self) -> None:
        """Learn which points are done.

        Raises:
            OutputError: a file that is damaged, or rows that are not of this sweep, this code and
                these weights.
        """
        for path in self._list_files():
            rows = read_rows(path, self.schema)
            for row in rows:
                self._check_row(path, row)
            if path.name != ROWS_FILE and (not rows or path.stem != rows[0]["point_sha256"]):
                raise _damaged(path, "its name is not the digest of its first row")
            self.done.update(row["point_sha256"] for row in rows)

    def add(self, rows: Sequence[Row]) -> None:
        """Rows of points; what is known already, as of a job that ran twice, is left out."""
        for row in rows:
            if row["code_sha256"] != digest_code():
                reason = "rows must come from one code; a worker has another version of the package"
                raise OutputError(self.folder, reason)
            if row["point_sha256"] not in self.done:
                self.done.add(row["point_sha256"])
                self._pending.append(row)

    @property
    def num_pending(self) -> int:
        """Rows that no file holds yet."""
        return len(self._pending)

    def flush(self) -> None:
        """Write what is pending; it stays pending if that fails.

        Raises:
            OutputError: it cannot be written.
        """
        if not self._pending:
            return
        name = f"{self._pending[0]['point_sha256']}.parquet"
        self._write(self.folder / PARTS_FOLDER / name, self._pending)
        self._pending = []

    def finish(self) -> int:
        """One file of all rows in the order of the points, then no parts; returns refused points.

        Raises:
            OutputError: it cannot be written; the parts stay.
        """
        self.flush()
        files = self._list_files()
        rows: dict[str, Row] = {}
        for path in files:
            rows.update({row["point_sha256"]: row for row in read_rows(path, self.schema)})
        ordered = [rows[point.digest] for point in self.spec.points]
        if [path.name for path in files] != [ROWS_FILE]:
            self._write(self.folder / ROWS_FILE, ordered)
            self._remove_parts()
        return sum(row["refusal"] is not None for row in ordered)

    def _remove_parts(self) -> None:
        for path in (self.folder / PARTS_FOLDER).glob("*.parquet"):
            path.unlink()
        with suppress(OSError):
            (self.folder / PARTS_FOLDER).rmdir()

    def _list_files(self) -> list[Path]:
        whole = self.folder / ROWS_FILE
        parts = sorted((self.folder / PARTS_FOLDER).glob("*.parquet"))
        return ([whole] if whole.exists() else []) + parts

    def _write(self, path: Path, rows: Sequence[Row]) -> None:
        content = encode_rows(rows, self.schema)
        with write_atomically(path) as partial, partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _check_row(self, path: Path, row: Row) -> None:
        """A row of a point of this sweep, made by this code with these weights."""
        point = self._points.get(row["point_sha256"])
        if row["spec_sha256"] != self.spec.digest or point is None:
            raise OutputError(path, "holds rows of another sweep: take another --out")
        wanted = _expect(self.spec.scope, point, row)
        for name, value in wanted.items():
            if row[name] != value:
                if name in ("code_sha256", "weights_sha256"):
                    what = name.partition("_")[0]
                    reason = f"holds rows that other {what} made: take another --out, or remove it"
                    raise OutputError(path, reason)
                raise _damaged(path, f"row {row['point_index']} has {name} = {row[name]}")


def _expect(scope: Scope, point: Point, row: Row) -> Row:
    """What the row of a point says before its results; one that was refused has no weights."""
    wanted: Row = {"point_index": point.index, "code_sha256": digest_code()}
    if row["refusal"] is None:
        wanted["weights_sha256"] = digest_weights(scope, point.values)
    said = encode_values(scope, point.values)
    return wanted | {name: said.get(name) for name in scope.key_names}


def make_schema(scope: Scope) -> pyarrow.Schema:
    """Columns with their types."""
    import pyarrow

    return pyarrow.schema(
        [
            pyarrow.field(key.name, pyarrow.type_for_alias(_TYPES.get(key.kind, "string")))
            for key in list_columns(scope)
        ]
    )


def encode_rows(rows: Sequence[Row], schema: pyarrow.Schema) -> bytes:
    """A Parquet file with checksums of its pages."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist(list(rows), schema=schema)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, write_page_checksum=True)
    return buffer.getvalue()


def read_rows(path: Path, schema: pyarrow.Schema | None = None) -> list[Row]:
    """Rows of a file, checksums verified.

    Raises:
        OutputError: it is damaged, or has other columns.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with refuse_errors(path):
            content = path.read_bytes()
        file = pyarrow.parquet.ParquetFile(
            pyarrow.BufferReader(content), page_checksum_verification=True
        )
        if schema is not None and not file.schema_arrow.equals(schema):
            raise OutputError(path, "has other columns than this sweep: take another --out")
        rows: list[Row] = file.read().to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    return rows


def _damaged(path: Path, found: str) -> OutputError:
    reason = " ".join(found.split())[:160]
    return OutputError(path, f"is damaged ({reason}): remove it, and its rows are computed again")


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Nobody else writes into the folder; ends with the process, however that ends.

    Raises:
        OutputError: somebody does.
    """
    import fcntl

    with refuse_errors(folder), (folder / LOCK_FILE).open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(folder, "another sweep is writing there: wait for it") from error
        yield


def list_results(rows: Sequence[Row], names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Columns of the rows that have a result."""
    return [tuple(row[name] for name in names) for row in rows if row["refusal"] is None]
