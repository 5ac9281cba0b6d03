"""docs/bounds.md is what its numbers say, and they are those of the statements as they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastcar.proofs.registry import STEMS, get_statement
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.sweeps.executors import ProcessExecutor
from tests.fastcar.tiny_video_model import save_tiny_video_model
from tools.bounds.__main__ import (
    QUICK,
    REPORT_NAME,
    BoundsSettings,
    main,
    make_jobs,
    measure,
    write_bounds,
)
from tools.bounds.claims import PAGE
from tools.bounds.measures import THRESHOLDS, list_counterexamples, measure_model
from tools.bounds.page import get_claim, is_loose
from tools.page import fill
from tools.paths import DOCS

ATTACK_CASES = 20_000


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """The numbers that the documentation was written from."""
    found: dict[str, Any] = json.loads((DOCS / REPORT_NAME).read_text(encoding="utf-8"))
    return found


def test_bounds_are_measured_on_the_shipped_model(report: dict[str, Any]) -> None:
    assert report["model"] == measure_model(SHIPPED_MODEL), "run `make bounds`"


def test_counterexamples_are_those_of_the_code(report: dict[str, Any]) -> None:
    found = list_counterexamples()
    texts = ("number", "dropped", "instance")
    assert [[line[key] for key in texts] for line in report["counterexamples"]] == [
        [line[key] for key in texts] for line in found
    ], "run `make bounds`"
    for line, wanted in zip(report["counterexamples"], found, strict=True):
        assert line["left"] == pytest.approx(wanted["left"], rel=1e-6)
        assert line["right"] == pytest.approx(wanted["right"], rel=1e-6, abs=1e-6)


def test_every_statement_was_attacked_without_a_violation(report: dict[str, Any]) -> None:
    assert [line["number"] for line in report["attacks"]] == list(STEMS)
    for line in report["attacks"]:
        assert line["cases"] >= ATTACK_CASES, line
        assert line["violations"] == 0, line
        assert line["tightest"] <= 1, line


def test_search_approaches_the_bounds(report: dict[str, Any]) -> None:
    tightest = {line["number"]: line["tightest"] for line in report["attacks"]}
    assert tightest["P-01"] >= 0.999
    assert tightest["P-04"] >= 0.95


def test_every_loose_bound_is_explained(report: dict[str, Any]) -> None:
    pairs = zip(report["attacks"], report["real"]["statements"], strict=True)
    loose = {attack["number"] for attack, real in pairs if is_loose(attack, real)}
    reasons = {number: get_statement(number).looseness for number in STEMS}
    assert all(reasons[number] for number in loose)
    page = " ".join((DOCS / PAGE.name).read_text(encoding="utf-8").split())
    assert {number for number, text in reasons.items() if text and text in page} == loose


def test_every_statement_holds_on_real_tokens(report: dict[str, Any]) -> None:
    real = report["real"]
    assert real["holds"] is True
    assert [line["number"] for line in real["statements"]] == list(STEMS)
    for line in real["statements"]:
        assert line["num_refused"] == 0, line
        certified = line["obligations"] or line["certified"]
        assert sum(certified.values()) > 0, line


def test_no_guarantee_was_broken(report: dict[str, Any]) -> None:
    results = report["guarantees"]["results"]
    assert any(line["guaranteed"] is not None and line["ratio"] > 0 for line in results)
    assert all(line["num_broken"] == 0 for line in results if line["guaranteed"] is not None)
    for line in results:
        if line["guaranteed"] is not None:
            assert line["largest_error"] <= line["guaranteed"]


def test_lowering_scores_to_the_threshold_makes_no_bound_smaller(report: dict[str, Any]) -> None:
    assert [line["tau"] for line in report["thresholds"]] == list(THRESHOLDS)
    for line in report["thresholds"]:
        for part in ("query", "layer"):
            if line[f"{part}_tokens"]:
                assert line[f"{part}_at_tau"] >= line[f"{part}_own"]


def test_every_level_of_a_constant_is_below_the_one_before(report: dict[str, Any]) -> None:
    for line in report["tightness"]:
        for key in ("norm", "mlp"):
            medians = [level["median"] for level in line[key]]
            assert medians == sorted(medians, reverse=True)
            assert medians[-1] >= 1


@pytest.mark.parametrize("number", STEMS)
def test_claims_are_found_whole(number: str) -> None:
    claim = get_claim(number)
    assert len(claim) > 100
    assert "Proof." not in claim


def test_full_run_attacks_with_all_cases(tmp_path: Path) -> None:
    jobs = make_jobs(BoundsSettings(), tmp_path)
    assert {jobs[number][1] for number in STEMS} == {(n, ATTACK_CASES) for n in STEMS}


@pytest.mark.slow
def test_everything_is_measured_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = save_tiny_video_model(tmp_path / "model"), tmp_path / "docs"
    out.mkdir()
    report = measure(QUICK, model, ProcessExecutor(2))
    write_bounds(report, out)
    jobs = make_jobs(QUICK, model)
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.split()[1] for line in lines) == sorted(jobs)
    assert lines[-1].endswith(f"({len(jobs)} of {len(jobs)})")
    page = (out / PAGE.name).read_text(encoding="utf-8")
    read = json.loads((out / REPORT_NAME).read_text(encoding="utf-8"))
    assert page == fill(page, PAGE.make_tables(read))
    (out / PAGE.name).write_text(page.replace("| statement ", "| old "))
    monkeypatch.setattr("sys.argv", ["bounds", "--rewrite", "--out", str(out)])
    assert main() == 1  # the prose is about a full run
    assert (out / PAGE.name).read_text(encoding="utf-8") == page
    assert sorted(path.name for path in out.iterdir()) == [REPORT_NAME, PAGE.name]
