"""Which paths are runs, and of which kind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fastcar.html_report.runs.analyze_run import AnalyzeRun
from fastcar.html_report.runs.generate_run import GenerateRun
from fastcar.html_report.runs.prove_run import ProveRun
from fastcar.html_report.sources import read_runs
from fastcar.reference.errors import ArgumentError, CheckpointError, FastCarError
from tests.fastcar.html_report.sample_runs import (
    PROVE,
    copy_findings,
    write_generate_run,
    write_json,
    write_prove_run,
)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generate_run(tmp_path_factory.mktemp("run"))


def change(directory: Path, folder: Path, **changes: Any) -> Path:
    """A copy of a run of `generate` with top-level fields changed, or left out where None."""
    report = json.loads((directory / "report.json").read_text())
    kept = {name: value for name, value in {**report, **changes}.items() if value is not None}
    (folder / "records.npz").write_bytes((directory / "records.npz").read_bytes())
    write_json(folder / "report.json", kept)
    return folder


def test_runs_come_in_the_order_of_their_paths(generated: Path, tmp_path: Path) -> None:
    report = write_prove_run(tmp_path)
    runs = read_runs([copy_findings(tmp_path), report, generated, report.parent])
    assert [type(run) for run in runs] == [AnalyzeRun, ProveRun, GenerateRun, ProveRun]
    labels = ["analyze: findings", "prove: proved/prove.json", "generate: generated"]
    assert [run.origin.label for run in runs] == [*labels, labels[1]]


def test_files_that_are_no_reports_are_passed_over(tmp_path: Path) -> None:
    report = write_prove_run(tmp_path)
    write_json(report.parent / "notes.json", {"mine": 1})
    (report.parent / "broken.json").write_text("{")
    assert len(read_runs([report.parent])) == 1


def test_a_run_without_records_is_read_all_the_same(generated: Path, tmp_path: Path) -> None:
    (run,) = read_runs([change(generated, tmp_path, records=None)])
    assert isinstance(run, GenerateRun)
    assert run.records is None


def test_provenance_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (run,) = read_runs([write_prove_run(tmp_path)])
    assert run.origin.command == ("prove", "--statement", "P-01", "--out", "a file.json")
    assert run.origin.software["BLAS"] == "library openblas, version 0.3, kernel none, threads 1"
    assert run.origin.digests == {"weights": "ab" * 32}
    (older,) = read_runs([copy_findings(tmp_path)])
    assert older.origin.command is None


@pytest.mark.parametrize("name", ["report.json", "prove.json"])
@pytest.mark.parametrize("version", [0, 2, "1", None, True])
def test_another_schema_version_is_refused(tmp_path: Path, name: str, version: object) -> None:
    path = write_json(tmp_path / name, {**PROVE, "schema_version": version})
    for given in (path, tmp_path):
        with pytest.raises(CheckpointError) as refused:
            read_runs([given])
        assert f"{path}: schema_version: found" in str(refused.value)
        assert json.dumps(version) in str(refused.value)


@pytest.mark.parametrize("values", [{"schema_version": 9}, {"schema_version": "2.0", "runs": []}])
def test_another_version_is_named_where_its_fields_are_others(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    path = write_json(tmp_path / "report.json", values)
    for given in (path, tmp_path):
        with pytest.raises(CheckpointError, match="schema_version: found"):
            read_runs([given])


@pytest.mark.parametrize("kind", ["nothing", "empty", "text", "foreign", "pipe", "null", "long"])
def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "empty":
        path.mkdir()
    elif kind == "text":
        path.write_text("no report\n")
    elif kind == "foreign":
        write_json(path / "report.json", {"schema_version": 1, "mine": True})
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "null":
        path = Path("a\0b")
    elif kind == "long":
        path = tmp_path / ("long" * 300)
    with pytest.raises(FastCarError) as refused:
        read_runs([path])
    assert "\n" not in str(refused.value)
    assert repr(str(path))[1:-1] in str(refused.value) or str(path)[:20] in str(refused.value)


def test_no_path_is_no_run() -> None:
    with pytest.raises(ArgumentError, match="run directory = 'nothing'"):
        read_runs([])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"replay": {"ratio": "half"}}, ("report.json: replay.ratio", '"half"')),
        ({"gate": {"name": "tas", "method": "fixed"}}, ("gate.thresholds", "nothing")),
        ({"videos": []}, ("records.npz", "videos", "must be those of the report")),
        ({"videos": [{"label": 3}]}, ("videos[0].label", "3")),
    ],
)
def test_damaged_reports_are_refused_by_field(
    generated: Path, tmp_path: Path, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(CheckpointError) as refused:
        read_runs([change(generated, tmp_path, **changes)])
    for word in words:
        assert word in str(refused.value)


def test_records_of_another_run_are_refused(generated: Path, tmp_path: Path) -> None:
    other = write_generate_run(tmp_path, frames=3)
    directory = change(generated, tmp_path)
    (directory / "records.npz").write_bytes((other / "records.npz").read_bytes())
    with pytest.raises(CheckpointError, match=r"records\.npz: found videos, frames"):
        read_runs([directory])
