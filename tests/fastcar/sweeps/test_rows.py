"""Rows that appear whole, are checked, and go on after anything."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from pyarrow.parquet import ParquetFile

from fastcar.reference.errors import OutputError
from fastcar.sweeps import evaluate, rows
from fastcar.sweeps.evaluate import Job, Row, evaluate_job
from fastcar.sweeps.executors import SerialExecutor
from fastcar.sweeps.rows import RowStore, encode_rows, read_rows
from fastcar.sweeps.run import run_sweep
from fastcar.sweeps.spec import SweepSpec, parse_spec
from tests.fastcar.sweeps.runs import list_digests

FEW = 'scope = "cycles"\n[axes]\ncores = [1, 2]\nseed = { count = 4 }'


@pytest.fixture
def spec() -> SweepSpec:
    return parse_spec(FEW)


@pytest.fixture
def made(spec: SweepSpec) -> list[Row]:
    """Rows of all points; counts are made up, nothing is compiled for them."""
    with patch.object(evaluate, "get_evaluation", lambda _: lambda _: {"drs_cycles": 5.0}):
        return evaluate_job(Job(spec.scope.name, spec.digest, spec.points))


@pytest.fixture
def store(tmp_path: Path, spec: SweepSpec) -> RowStore:
    return RowStore(tmp_path, spec)


def test_parts_become_one_file_in_the_order_of_the_points(
    store: RowStore, made: list[Row], tmp_path: Path, spec: SweepSpec
) -> None:
    for part in (made[5:], made[:5]):
        store.add(part)
        store.flush()
    assert len(list((tmp_path / "rows").iterdir())) == 2
    assert store.finish() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]
    found = read_rows(tmp_path / "rows.parquet")
    assert list_digests(found) == [point.digest for point in spec.points]
    assert {row["drs_cycles"] for row in found} == {5.0}
    assert (tmp_path / "rows.parquet").read_bytes() == encode_rows(
        [dict.fromkeys(store.schema.names) | row for row in made], store.schema
    )


def test_rows_that_come_twice_stand_once(store: RowStore, made: list[Row], tmp_path: Path) -> None:
    store.add(made[:6])
    store.flush()
    store.add(made)
    assert store.num_pending == 2
    store.finish()
    assert len(read_rows(tmp_path / "rows.parquet")) == 8


def test_another_store_knows_what_is_done(
    store: RowStore, made: list[Row], tmp_path: Path, spec: SweepSpec
) -> None:
    store.add(made[:3])
    store.flush()
    again = RowStore(tmp_path, spec)
    again.load()
    assert again.done == set(list_digests(made[:3]))
    again.add(made)
    again.finish()
    (tmp_path / "rows").mkdir()  # ended between the whole file and the removal of its parts
    (tmp_path / "rows" / f"{made[0]['point_sha256']}.parquet").write_bytes(
        encode_rows(made[:3], store.schema)
    )
    last = RowStore(tmp_path, spec)
    last.load()
    last.finish()
    assert len(last.done) == len(read_rows(tmp_path / "rows.parquet")) == 8
    assert not (tmp_path / "rows").exists()


@pytest.mark.parametrize("place", [0, 0.3, 0.6, 0.9, 0.999])
def test_a_damaged_file_is_refused_wherever_it_is_damaged(
    store: RowStore, made: list[Row], tmp_path: Path, spec: SweepSpec, place: float
) -> None:
    store.add(made)
    store.flush()
    (path,) = (tmp_path / "rows").iterdir()
    content = bytearray(path.read_bytes())
    for damaged in (content[: int(place * len(content))], _flip(content, place)):
        path.write_bytes(damaged)
        try:
            RowStore(tmp_path, spec).load()
        except OutputError as error:
            text = str(error)
            assert str(path) in text
            assert "\n" not in text
            assert path.read_bytes() == damaged  # refused, not removed
        else:  # bytes that say nothing about a row, as the name of the program that wrote them
            assert read_rows(path) == [dict.fromkeys(store.schema.names) | row for row in made]


def test_no_result_is_read_that_was_not_written(
    made: list[Row], store: RowStore, tmp_path: Path
) -> None:
    """Every byte of a column that nothing else checks, in turn."""
    path = tmp_path / "rows.parquet"
    content = encode_rows(made, store.schema)
    path.write_bytes(content)
    names = store.schema.names
    column = ParquetFile(path).metadata.row_group(0).column(names.index("drs_cycles"))
    first, size = column.dictionary_page_offset, column.total_compressed_size
    refused = 0
    for place in range(first, first + size):
        path.write_bytes(_flip(bytearray(content), place / len(content)))
        try:
            found = read_rows(path, store.schema)
        except OutputError:
            refused += 1
        else:
            assert found == [dict.fromkeys(names) | row for row in made]
    assert refused > size / 2


def _flip(content: bytearray, place: float) -> bytearray:
    flipped = bytearray(content)
    flipped[round(place * len(content))] ^= 0xFF
    return flipped


def test_values_that_were_changed_are_noticed(
    store: RowStore, made: list[Row], tmp_path: Path, spec: SweepSpec
) -> None:
    changed = [{**made[0], "cores": 7}]
    path = tmp_path / "rows" / f"{made[0]['point_sha256']}.parquet"
    path.parent.mkdir()
    path.write_bytes(encode_rows(changed, store.schema))
    with pytest.raises(OutputError, match=r"is damaged \(row 0 has cores = 7\): remove it"):
        RowStore(tmp_path, spec).load()
    path.write_bytes(encode_rows(made[1:], store.schema))
    with pytest.raises(OutputError, match="its name is not the digest of its first row"):
        RowStore(tmp_path, spec).load()


def test_rows_of_others_are_refused(
    store: RowStore, made: list[Row], tmp_path: Path, spec: SweepSpec
) -> None:
    store.add(made)
    store.finish()
    other = parse_spec(FEW.replace("[1, 2]", "[1, 2, 3]"))
    with pytest.raises(OutputError, match="holds rows of another sweep"):
        RowStore(tmp_path, other).load()
    with (
        patch.object(rows, "digest_code", lambda: "f" * 64),
        pytest.raises(OutputError, match="holds rows that other code made"),
    ):
        RowStore(tmp_path, spec).load()
    with (
        patch.object(rows, "digest_weights", lambda *_: "f" * 64),
        pytest.raises(OutputError, match="holds rows that other weights made"),
    ):
        RowStore(tmp_path, spec).load()
    scope = replace(parse_spec('scope = "cosim"\n[axes]\ncores = 1'))
    with pytest.raises(OutputError, match="has other columns than this sweep"):
        RowStore(tmp_path, scope).load()


def test_rows_of_a_worker_with_other_code_are_refused(store: RowStore, made: list[Row]) -> None:
    with pytest.raises(OutputError, match="another version of the package"):
        store.add([made[0] | {"code_sha256": "0" * 64}])
    assert store.num_pending == 0


@contextmanager
def full_disk(num_bytes: int) -> Iterator[None]:
    """Files end there; the system refuses more as it does on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_loses_nothing_and_leaves_nothing_half_written(
    store: RowStore, made: list[Row], tmp_path: Path, spec: SweepSpec
) -> None:
    store.add(made[:3])
    store.flush()
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    store.add(made[3:])
    with full_disk(1000), pytest.raises(OutputError, match="must be writable; file too large"):
        store.flush()
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before
    with full_disk(1000), pytest.raises(OutputError, match="must be writable"):
        store.finish()
    assert store.num_pending == 5
    store.finish()  # somebody made room
    assert len(read_rows(tmp_path / "rows.parquet")) == 8


def test_two_sweeps_do_not_write_into_one_folder(tmp_path: Path, spec: SweepSpec) -> None:
    with (
        rows.lock(tmp_path),
        pytest.raises(OutputError, match="another sweep is writing there"),
    ):
        run_sweep(spec, tmp_path, SerialExecutor())


def test_a_folder_of_the_user_is_refused_and_kept(tmp_path: Path, spec: SweepSpec) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds mine\.txt: must be a new folder"):
        run_sweep(spec, tmp_path, SerialExecutor())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
