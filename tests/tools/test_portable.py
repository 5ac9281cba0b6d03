"""Rows change what they say, and a failing test makes the exit code 1."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools import portable
from tools.portable import (
    FRESH,
    HIDDEN,
    Result,
    Row,
    main,
    make_path,
    make_rows,
    read_counts,
)

TESTS = """
import os
import shutil
from pathlib import Path


def test_environment() -> None:
    assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"


def test_fresh_folder() -> None:
    assert list(Path(os.environ["CACHE"]).iterdir()) == []


def test_hidden() -> None:
    assert shutil.which("iverilog") is None
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one test file."""
    (tmp_path / "test_rows.py").write_text(TESTS)
    monkeypatch.setattr(portable, "ROOT", tmp_path)
    return tmp_path


def plant(monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    monkeypatch.setattr(portable, "make_rows", lambda seed: [row])


@pytest.mark.slow
def test_a_row_runs_as_it_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = {"OPENBLAS_CORETYPE": "Haswell", "CACHE": FRESH}
    plant(monkeypatch, Row("planted", changed, ("test_rows.py",), options=()))
    monkeypatch.setenv("PATH", make_path_with_icarus(folder))
    assert main([]) == 1
    shown = capsys.readouterr().out
    assert "planted: 1 failed, 2 passed" in shown
    assert "test_hidden" in shown


def make_path_with_icarus(folder: Path) -> str:
    """A search path with a program of that name before all others."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "iverilog").write_text("#!/bin/sh\n")
    (programs / "iverilog").chmod(0o755)
    return f"{programs}:{make_all(folder)}"


def make_all(folder: Path) -> str:
    rest = folder / "rest"
    rest.mkdir()
    return make_path(rest)


def test_hidden_programs_are_not_found_and_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", make_path_with_icarus(tmp_path))
    assert shutil.which("iverilog") is not None
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    path = make_path(hidden)
    assert [shutil.which(name, path=path) for name in HIDDEN] == [None] * len(HIDDEN)
    assert shutil.which("env", path=path) is not None


def test_every_row_has_its_own_name() -> None:
    names = [row.name for row in make_rows(1)]
    assert len(set(names)) == len(names) >= 7


def test_the_table_goes_between_its_marks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = folder / "page.md"
    page.write_text("before\n<!-- table: portable -->\nold\n<!-- end --> after\n")
    monkeypatch.setattr(portable, "PAGE", page)
    monkeypatch.setattr(
        portable, "run_row", lambda row: Result(row, read_counts("1 failed, 2 passed in 3s"), 1)
    )
    plant(monkeypatch, Row("one", {"CACHE": FRESH}, options=("--x",), hides_icarus=True))
    assert main(["--write"]) == 1
    text = page.read_text()
    assert text.startswith("before\n<!-- table: portable -->\n\n| row")
    assert text.endswith("|\n\n<!-- end --> after\n")
    assert "`CACHE=(empty)` no `iverilog` `--x`" in text


def test_rows_that_are_not_run_stay_as_they_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = folder / "page.md"
    page.write_text("<!-- table: portable -->\n<!-- end -->\n")
    monkeypatch.setattr(portable, "PAGE", page)
    monkeypatch.setattr(portable, "make_rows", lambda seed: [Row("one", {}), Row("two", {})])
    outcomes = iter(("1 passed in 3s", "2 passed in 3s", "3 passed in 3s"))
    monkeypatch.setattr(portable, "run_row", lambda row: Result(row, read_counts(next(outcomes))))
    assert main(["two", "--write"]) == 0
    assert main(["--write"]) == 0
    assert [cells[3] for cells in portable.read_lines(page.read_text()).values()] == ["2", "3"]
    monkeypatch.setattr(portable, "run_row", lambda row: Result(row, read_counts("9 passed")))
    main(["one", "--write"])
    lines = portable.read_lines(page.read_text())
    assert {name: cells[3] for name, cells in lines.items()} == {"one": "9", "two": "3"}
    assert list(lines) == ["one", "two"]


def test_a_row_that_the_processor_cannot_run_stays_in_the_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, Row("wide", {}, needs="no such extension"))
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert "wide: left out, this processor has no no such extension" in shown
    assert shown.splitlines()[-1].count(" - |") == 4


def test_a_name_of_no_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vax"]) == 2
    assert "no row has a name" in capsys.readouterr().err
