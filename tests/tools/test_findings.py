"""docs/findings.md is what its numbers say, and its numbers are those of the shipped model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastcar.analysis.finding import Json
from fastcar.analysis.report import QUESTIONS, describe_model, make_page
from fastcar.reference.video.model import load_video_model
from tools.findings import REPORT_NAME, write_findings
from tools.paths import DOCS


def load_report() -> Json:
    """The report that the documentation was written from."""
    report: Json = json.loads((DOCS / REPORT_NAME).read_text(encoding="utf-8"))
    return report


def test_page_is_generated_from_its_report() -> None:
    page = (DOCS / "findings.md").read_text(encoding="utf-8")
    assert page == make_page(load_report()), "run `python -m tools.findings --rewrite`"


def test_findings_measure_the_shipped_model() -> None:
    assert load_report()["model"] == describe_model(load_video_model()), "run `make findings`"


def test_every_figure_is_kept() -> None:
    for question in QUESTIONS:
        assert (DOCS / "figures" / f"{question.key}.png").is_file()


@pytest.mark.slow
def test_writing_replaces_page_report_and_figures(tmp_path: Path) -> None:
    (tmp_path / "findings.md").write_text("old")
    (tmp_path / "other.md").write_text("kept")
    report = load_report()
    write_findings(report, tmp_path)
    assert (tmp_path / "findings.md").read_text(encoding="utf-8") == make_page(report)
    assert json.loads((tmp_path / REPORT_NAME).read_text(encoding="utf-8")) == report
    assert (tmp_path / "other.md").read_text() == "kept"
    assert len(list((tmp_path / "figures").iterdir())) == len(QUESTIONS)
