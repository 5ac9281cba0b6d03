"""`fastcar report` through the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fastcar.commands import check_refused, list_files, run_command
from tests.fastcar.html_report.sample_runs import copy_findings, write_json, write_prove_run

Capture = pytest.CaptureFixture[str]


def test_runs_become_one_file(capsys: Capture, tmp_path: Path) -> None:
    runs = write_prove_run(tmp_path / "runs"), copy_findings(tmp_path / "runs")
    for option in ("-o", "--out"):
        outcome = run_command(capsys, "report", *runs, option, tmp_path / "page.html")
        assert (outcome.status, outcome.err) == (0, "")
        size = (tmp_path / "page.html").stat().st_size / 1e6
        assert outcome.out == f"written to {tmp_path / 'page.html'}: 2 run(s), {size:.1f} MB\n"
    assert list_files(tmp_path)[0] == "page.html"
    assert "All statements hold." in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_every_wrong_input_is_one_line_and_leaves_nothing(capsys: Capture, tmp_path: Path) -> None:
    good = write_prove_run(tmp_path)
    old = write_json(tmp_path / "old" / "report.json", {"schema_version": 1, "mine": 2})
    newer = write_prove_run(tmp_path / "newer", schema_version=7)
    broken = tmp_path / "broken.json"
    broken.write_text('{"schema_version": 1,')
    page = tmp_path / "page.html"
    (tmp_path / "mine.html").write_text("mine")
    before = list_files(tmp_path)
    for paths, out, words in (
        ([tmp_path / "nowhere"], page, ("run directory", "there is nothing")),
        ([old.parent], page, ("run directory", "no report lies in it")),
        ([good, newer], page, ("schema_version", "7", "must be 1")),
        ([broken], page, ("broken.json", "valid JSON")),
        ([good], tmp_path / "mine.html", ("mine.html", "holds something else")),
        ([good], good, ("prove.json", "holds something else")),
        ([good], "/dev/null", ("/dev/null", "regular file")),
        ([good], tmp_path / "old", ("old", "a directory stands there")),
        ([good], Path("/proc/page.html"), ("/proc/page.html", "writable")),
    ):
        check_refused(run_command(capsys, "report", *paths, "-o", out), words)
        assert list_files(tmp_path) == before
    assert (tmp_path / "mine.html").read_text() == "mine"


def test_a_run_directory_is_not_left_out(capsys: Capture, tmp_path: Path) -> None:
    check_refused(run_command(capsys, "report", "-o", tmp_path / "page.html"), ("RUN_DIR",))
