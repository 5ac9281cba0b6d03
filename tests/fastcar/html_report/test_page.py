"""The page as a text: it parses, loads nothing, and names and describes what it shows."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from vl_convert import vegalite_to_vega

from fastcar.html_report.output import MAX_BYTES, write_html_report
from fastcar.html_report.page import get_library, make_policy
from tests.fastcar.html_report.page_checks import (
    Page,
    find_addresses,
    parse_page,
    strip_library,
)
from tests.fastcar.html_report.sample_runs import (
    PROVENANCE,
    STATEMENT,
    copy_findings,
    write_generate_run,
    write_prove_run,
)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    paths = [write_generate_run(folder), write_prove_run(folder), copy_findings(folder)]
    write_html_report([*paths, paths[0]], folder / "page.html")
    return (folder / "page.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return parse_page(text)


def test_the_page_parses_and_every_id_is_there_once(page: Page) -> None:
    assert page.problems == []
    assert len(page.ids) > 40


def test_nothing_is_loaded(text: str, page: Page) -> None:
    assert find_addresses(strip_library(text, page)) == []
    assert len(text.encode()) < MAX_BYTES


def test_the_policy_forbids_every_load_and_every_script_but_ours(page: Page) -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    ours = [script for key, script in page.scripts.items() if key.isdecimal()]
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in ours]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert len(ours) == 2


def test_addresses_are_found_where_they_are() -> None:
    for planted in ('src="https://a.org/x.js"', "url(font.woff)", "//cdn.net/a", "@import 'a'"):
        assert find_addresses(planted), planted
    assert find_addresses("url(#fill-idle) data:image/png;base64,AA//BB") == []


def test_loads_and_double_ids_are_found_where_they_are() -> None:
    problems = parse_page('<p id="a"></p><img src="a.png"><p id="a"><b></p>').problems
    assert len(problems) >= 3


def test_every_control_and_every_picture_has_a_name(page: Page) -> None:
    labelled = {given["for"] for tag, given in page.elements if tag == "label" and "for" in given}
    for tag, given in page.elements:
        if tag == "select" or (tag == "input" and given.get("type") == "range"):
            assert given["id"] in labelled
        if given.get("role") in ("img", "group"):
            assert given["aria-label"]


def test_every_chart_has_a_specification_a_description_and_a_table(page: Page) -> None:
    charts = page.load("report-charts")
    drawn = [given["data-chart"] for _, given in page.elements if "data-chart" in given]
    assert sorted(charts) == sorted(drawn)
    assert len(drawn) >= 10
    for spec in charts.values():
        assert len(spec["description"]) > 20
    tables = sum(tag == "table" for tag, _ in page.elements)
    assert tables >= len(drawn)


def test_every_specification_compiles(page: Page) -> None:
    for key, spec in page.load("report-charts").items():
        compiled = vegalite_to_vega(spec)
        assert compiled["marks"], key


def test_texts_of_runs_are_no_markup(tmp_path: Path) -> None:
    """In lines, cells and commands, and in the data of charts."""
    evil = "</script><script>alert(1)</script><img src=x>"
    changes = {
        "checkpoint": evil,
        "provenance": {**PROVENANCE, "command": ["prove", evil, "it's"]},
        "statements": [{**STATEMENT, "title": evil}],
    }
    write_html_report([write_prove_run(tmp_path, **changes)], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert evil not in text
    found = parse_page(text)
    assert found.problems == []
    assert sum(tag == "script" for tag, _ in found.elements) == 4
    assert not any(tag == "img" for tag, _ in found.elements)
    (chart,) = found.load("report-charts").values()
    assert chart["data"]["values"][0]["title"] == evil
    assert "&#x27;it&#x27;" in text


def test_the_command_that_repeats_a_run_is_shown(text: str) -> None:
    assert "fastcar prove --statement P-01 --out &#x27;a file.json&#x27;" in text


def test_equal_runs_give_equal_pages(text: str, tmp_path: Path) -> None:
    report = write_prove_run(tmp_path)
    for name in "ab":
        write_html_report([report], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_library_can_be_embedded() -> None:
    library = get_library()
    assert "</script" not in library
    assert "\r" not in library
    assert make_policy([library]) != make_policy([library + " "])
