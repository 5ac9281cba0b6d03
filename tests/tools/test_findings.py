"""The pages of findings are what their numbers say, and these are those of the shipped models."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastcar.analysis.finding import Json
from fastcar.analysis.report import QUESTIONS, describe_model, make_page
from fastcar.analysis.settings import AnalysisSettings
from fastcar.reference.video.model import load_video_model
from fastcar.reference.video.shipped_models import shipped_model
from tools.findings.__main__ import digest_measurement, make_keep, read_report
from tools.findings.models import LOADERS
from tools.findings.page import (
    PAGE_NAME,
    get_stem,
    list_outputs,
    make_side_by_side,
    write_findings,
)
from tools.paths import DOCS

HINT = "run `python -m tools.findings --rewrite`"


def read_reports() -> dict[str, Json]:
    """The reports that the documentation was written from."""
    return {name: read_report(name, DOCS) for name in LOADERS}


def test_pages_are_generated_from_their_reports() -> None:
    reports = read_reports()
    for name, report in reports.items():
        page = (DOCS / f"{get_stem(name)}.md").read_text(encoding="utf-8")
        assert page == make_page(report, f"figures/{name}"), HINT
    page = (DOCS / PAGE_NAME).read_text(encoding="utf-8")
    assert page == make_side_by_side(reports), HINT


@pytest.mark.parametrize("name", LOADERS)
def test_findings_measure_the_shipped_model(name: str) -> None:
    described = describe_model(load_video_model(shipped_model(name)))
    assert read_report(name, DOCS)["model"] == described, "run `make findings`"


def test_every_figure_is_kept() -> None:
    for name in LOADERS:
        for question in QUESTIONS:
            assert (DOCS / "figures" / name / f"{question.key}.png").is_file()


def test_every_question_is_answered_for_both_models() -> None:
    page = make_side_by_side(read_reports())
    assert page.count("\n## ") == len(QUESTIONS)
    for name in LOADERS:
        assert page.count(f"\n- [{name}]({get_stem(name)}.md#") == len(QUESTIONS)


def test_an_answered_question_is_not_measured_again(tmp_path: Path) -> None:
    calls: list[str] = []

    def measure() -> Json:
        calls.append("measured")
        return {"ratio": 0.5}

    for _ in range(2):
        assert make_keep(tmp_path / "parts")("drift", measure) == {"ratio": 0.5}
    assert calls == ["measured"]
    assert make_keep(tmp_path / "parts")("chains", measure) == {"ratio": 0.5}
    assert len(calls) == 2


def test_what_was_measured_decides_what_is_kept() -> None:
    model = load_video_model()
    usual = digest_measurement(model, AnalysisSettings())
    assert digest_measurement(model, AnalysisSettings()) == usual
    assert digest_measurement(model, AnalysisSettings(clips=15)) != usual
    other = load_video_model(shipped_model("real_video"))
    assert digest_measurement(other, AnalysisSettings()) != usual


@pytest.mark.slow
def test_writing_replaces_pages_reports_and_figures(tmp_path: Path) -> None:
    (tmp_path / PAGE_NAME).write_text("old")
    (tmp_path / "other.md").write_text("kept")
    reports = read_reports()
    write_findings(reports, tmp_path)
    assert {name: read_report(name, tmp_path) for name in LOADERS} == reports
    for output in list_outputs():
        if output.endswith(".md"):
            assert (tmp_path / output).read_text() == (DOCS / output).read_text()
    assert (tmp_path / "other.md").read_text() == "kept"
    for name in LOADERS:
        assert len(list((tmp_path / "figures" / name).iterdir())) == len(QUESTIONS)
