"""`fastcar sweep` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fastcar.commands import check_refused, list_files, run_command

DECODER = 'scope = "decoder"\n[axes]\nprompts = "3 up"\nframes = [99, 98]\n'


def write(folder: Path, text: str = DECODER) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_refused_points_are_told_and_found_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ("sweep", write(tmp_path), "--out", tmp_path / "out", "--processes", 1, "--json")
    outcome = run_command(capsys, *arguments)
    assert outcome.status == 0
    assert outcome.err.startswith("fastcar: note: 2 of 2 points were refused, the first: frames =")
    report = json.loads(outcome.out)
    assert (report["points"], report["resumed"], report["refused"]) == (2, 0, 2)
    assert json.loads(run_command(capsys, *arguments).out)["resumed"] == 2
    assert list_files(tmp_path / "out") == [".lock", "rows.parquet", "sweep.json"]


def test_an_unknown_key_names_line_and_nearest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write(tmp_path, DECODER + "gat = 'tas'\n")
    outcome = run_command(capsys, "sweep", path, "--out", tmp_path / "out")
    check_refused(outcome, (f"{path}, line 5", "gat", "did you mean 'gate'?"))
    assert list_files(tmp_path) == ["mine.toml"]


def test_a_damaged_row_file_is_refused_and_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ("sweep", write(tmp_path), "--out", tmp_path / "out", "--processes", 1)
    run_command(capsys, *arguments)
    rows = tmp_path / "out" / "rows.parquet"
    whole = rows.read_bytes()
    rows.write_bytes(whole[:-9])
    check_refused(run_command(capsys, *arguments), (str(rows), "is damaged", "remove it"))
    assert rows.read_bytes() == whole[:-9]
    rows.unlink()
    assert run_command(capsys, *arguments).status == 0
    assert rows.read_bytes() == whole


def test_a_scheduler_that_is_not_there_is_refused_and_nothing_is_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    address = ("--scheduler", "tcp://127.0.0.1:1", "--timeout", "0.3")
    outcome = run_command(capsys, "sweep", write(tmp_path), "--out", tmp_path / "out", *address)
    check_refused(outcome, ("scheduler = 'tcp://127.0.0.1:1'", "within 0.3 s"))
    assert list_files(tmp_path) == ["mine.toml"]


@pytest.mark.parametrize("option", ["--plot", "--quality"])
def test_pictures_are_of_the_cycle_model(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str
) -> None:
    given = (option, tmp_path / "front.png")
    outcome = run_command(capsys, "sweep", write(tmp_path), "--out", tmp_path / "out", *given)
    check_refused(outcome, (f"{option[2:]} = ", "given with scope cycles"))
