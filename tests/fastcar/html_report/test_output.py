"""The file appears whole, in no place but its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastcar.html_report import output
from fastcar.html_report.output import check_report_path, mark_page, write_html_report
from fastcar.reference.errors import FastCarError, OutputError
from tests.fastcar.commands import list_files
from tests.fastcar.html_report.sample_runs import write_prove_run


def test_a_report_of_ours_is_replaced_and_a_changed_one_is_not(tmp_path: Path) -> None:
    report, page = write_prove_run(tmp_path), tmp_path / "deep" / "page.html"
    assert len(write_html_report([report], page)) == 1
    first = page.read_bytes()
    write_html_report([report, report], page)
    assert page.read_bytes() != first
    page.write_bytes(first + b"<p>my notes</p>")
    with pytest.raises(OutputError, match="holds something else"):
        write_html_report([report], page)
    assert page.read_bytes() == first + b"<p>my notes</p>"


@pytest.mark.parametrize(
    "content", [b"mine\n", b"<!doctype html>\n<p>mine", mark_page("<p>")[:-1], mark_page("a") * 2]
)
def test_what_is_not_ours_stays(tmp_path: Path, content: bytes) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(content)
    with pytest.raises(OutputError, match="must be new, empty, or a report"):
        write_html_report([write_prove_run(tmp_path)], page)
    assert page.read_bytes() == content


@pytest.mark.parametrize("content", [b"", mark_page(""), mark_page("<p>ours")])
def test_empty_files_and_our_own_may_be_replaced(tmp_path: Path, content: bytes) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(content)
    check_report_path(page)


def test_a_link_is_followed_to_what_stands_there(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "page.html").symlink_to("mine")
    with pytest.raises(OutputError, match="holds something else"):
        check_report_path(tmp_path / "page.html")


@pytest.mark.parametrize("place", ["folder", "text/page.html", "", "report"])
def test_a_page_that_cannot_be_written_is_refused_before_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("a file")
    report = write_prove_run(tmp_path)
    monkeypatch.setattr(output, "read_runs", lambda _: pytest.fail("read"))
    before = list_files(tmp_path)
    out = report if place == "report" else tmp_path / place if place else ""
    with pytest.raises(OutputError):
        write_html_report([report], out)
    assert list_files(tmp_path) == before


def test_nothing_is_written_of_a_run_that_is_refused(tmp_path: Path) -> None:
    report = write_prove_run(tmp_path, schema_version=2)
    with pytest.raises(FastCarError):
        write_html_report([report], tmp_path / "deep" / "page.html")
    assert not (tmp_path / "deep").exists()


def test_a_page_that_would_be_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "MAX_BYTES", 1000)
    with pytest.raises(OutputError, match="must be at most 1,000; give fewer runs"):
        write_html_report([write_prove_run(tmp_path)], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
