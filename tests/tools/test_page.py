"""Every page of docs/ says what its numbers say, and a fault in either is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.bench import claims as performance
from tools.bounds import claims as bounds
from tools.hardware import claims as hardware
from tools.hardware.decoder import claims as decoder
from tools.integer import page as integer
from tools.page import Claim, Page, PageError, fill, find_faults, join_lines, tell_faults
from tools.paths import DOCS
from tools.signoff import __main__ as signoff

Json = dict[str, Any]


def load(name: str) -> Json:
    """Committed numbers of docs/."""
    found: Json = json.loads((DOCS / name).read_text(encoding="utf-8"))
    return found


PAGES: list[tuple[Page, Callable[[], Json], str]] = [
    (performance.PAGE, lambda: load("performance.json"), "make bench"),
    (signoff.PAGE, lambda: signoff.read_numbers(DOCS), "make signoff"),
    (hardware.PAGE, lambda: load("hardware.json"), "python -m tools.hardware --rewrite"),
    (
        decoder.PAGE,
        lambda: load("decoder_hardware.json"),
        "python -m tools.hardware.decoder --rewrite",
    ),
    (bounds.PAGE, lambda: load("bounds.json"), "python -m tools.bounds --rewrite"),
    (integer.PAGE, lambda: load("integer_quality.json"), "python -m tools.integer --rewrite"),
]
each_page = pytest.mark.parametrize(
    ("page", "read", "command"), PAGES, ids=[page.name for page, _, _ in PAGES]
)


@each_page
def test_tables_are_made_from_the_numbers(
    page: Page, read: Callable[[], Json], command: str
) -> None:
    text = (DOCS / page.name).read_text(encoding="utf-8")
    assert text == fill(text, page.make_tables(read())), f"run `{command}`"


@each_page
def test_prose_is_true(page: Page, read: Callable[[], Json], command: str) -> None:
    text = (DOCS / page.name).read_text(encoding="utf-8")
    assert find_faults(text, page.make_claims(read())) == [], f"rewrite docs/{page.name}"


@each_page
def test_a_sentence_that_is_taken_out_is_missed(
    page: Page, read: Callable[[], Json], command: str
) -> None:
    prose = join_lines((DOCS / page.name).read_text(encoding="utf-8"))
    claims = list(page.make_claims(read()))
    assert claims
    for claim in claims:
        text = join_lines(claim.text)
        assert f"does not stand in the page: {text}" in find_faults(prose.replace(text, ""), claims)


PLANTED = [
    (performance.PAGE, "performance.json", ("start", "seconds"), 1.26, "first token 1.26 s"),
    (performance.PAGE, "performance.json", ("machine", "load_before"), 1.5, "no longer true"),
    (performance.PAGE, "performance.json", ("large", "file_bytes"), 7.2e9, "7.20 GB"),
    (hardware.PAGE, "hardware.json", ("timeline", "slowdown"), 1.5, "1.50 times the cycles"),
    (decoder.PAGE, "decoder_hardware.json", ("lockstep", "records"), 7, "7 records"),
    (bounds.PAGE, "bounds.json", ("real", "statements", 6, "vacuous_share"), 0.9, "bound is vac"),
    (bounds.PAGE, "bounds.json", ("attacks", 0, "violations"), 1, "no longer true: 520,000 cases"),
    (bounds.PAGE, "bounds.json", ("attention", "share_within"), 0.5, "50.0% of the queries stay"),
    (integer.PAGE, "integer_quality.json", ("errors", 3, "saturated"), 0.01, "1.0e-02 of the"),
]


@pytest.mark.parametrize(("page", "name", "place", "number", "fault"), PLANTED)
def test_a_number_that_is_changed_is_found(
    page: Page, name: str, place: tuple[str | int, ...], number: float, fault: str
) -> None:
    report: Any = load(name)
    part = report
    for key in place[:-1]:
        part = part[key]
    assert part[place[-1]] != number
    part[place[-1]] = number
    [found] = find_faults((DOCS / page.name).read_text(encoding="utf-8"), page.make_claims(report))
    assert fault in found


TEXT = "One\nhand.\n\n<!-- table: a -->\n\nold 7\n\n<!-- end -->\n\nTwo.\n"


def test_a_table_is_replaced_and_nothing_else() -> None:
    assert fill(TEXT, {"a": "new"}) == TEXT.replace("old 7", "new")


@pytest.mark.parametrize("tables", [{}, {"b": ""}, {"a": "", "b": ""}])
def test_other_blocks_than_the_page_has_are_refused(tables: dict[str, str]) -> None:
    with pytest.raises(PageError, match=r"^blocks of the page: \['a'\], must be \["):
        fill(TEXT, tables)


def test_a_block_that_stands_twice_is_refused() -> None:
    with pytest.raises(PageError):
        fill(TEXT + TEXT, {"a": "new"})


def test_a_table_is_no_prose() -> None:
    assert find_faults(TEXT, [Claim("One hand."), Claim("old 7"), Claim("hand. Two.")]) == [
        "does not stand in the page: old 7",
        "does not stand in the page: hand. Two.",
    ]


def test_a_false_claim_is_told_although_it_stands_in_the_page() -> None:
    assert find_faults("Two.", [Claim("Two.", holds=False)]) == ["no longer true: Two."]


def test_a_page_is_refreshed_in_its_directory_or_begun_from_docs(tmp_path: Path) -> None:
    page = Page("performance.md", performance.PAGE.make_tables, lambda report: [Claim("Never.")])
    report = load("performance.json")
    [fault] = page.refresh(report, tmp_path)
    assert fault == f"{tmp_path / 'performance.md'}: does not stand in the page: Never."
    text = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert text == (DOCS / "performance.md").read_text(encoding="utf-8")
    (tmp_path / "performance.md").write_text(text + "\nNever.\n", encoding="utf-8")
    assert page.refresh(report, tmp_path) == []


def test_faults_are_told_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_faults([]) == 0
    assert tell_faults(iter(["a", "b"])) == 1
    assert capsys.readouterr().err == "a\nb\n"
