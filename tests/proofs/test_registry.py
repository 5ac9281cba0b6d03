"""Every statement is in the list, says its claim and proof in its docstring, and has its file."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from fastcar.proofs import registry
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.registry import STEMS, get_counterexamples, get_statement
from fastcar.reference.errors import ArgumentError
from tools.mutants.mutant import name_test_file

ROOT = Path(__file__).parents[2]
MAX_LINES = 200
WHOLE_NUMBERS = {number for number in STEMS if not get_statement(number).has_counterexamples}
"""Statements without counterexamples."""


def test_numbers_are_gapless_and_stems_unique() -> None:
    assert list(STEMS) == [f"P-{number:02d}" for number in range(1, 27)]
    assert len(set(STEMS.values())) == len(STEMS)


@pytest.mark.parametrize("number", STEMS)
def test_statement_has_the_number_of_its_place(number: str) -> None:
    statement = get_statement(number)
    assert statement.number == number
    assert statement.source in ("paper", "ours")
    assert statement.title
    assert statement.hypotheses or number in WHOLE_NUMBERS


@pytest.mark.parametrize("number", STEMS)
def test_docstring_holds_claim_and_proof(number: str) -> None:
    text = import_module(f"fastcar.proofs.{STEMS[number]}").__doc__ or ""
    assert text.startswith(f"{number}: ")
    paragraphs = text.split("\n\n")
    assert any(paragraph.startswith("Claim.") for paragraph in paragraphs)
    assert any(paragraph.startswith("Proof.") for paragraph in paragraphs)
    assert any(paragraph.startswith("Source: ") for paragraph in paragraphs)


@pytest.mark.parametrize("stem", STEMS.values())
def test_statement_file_is_short_and_has_its_test(stem: str) -> None:
    path = stem.replace(".", "/")
    lines = (ROOT / "proofs" / f"{path}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < MAX_LINES
    assert (ROOT / name_test_file(f"proofs/{path}")).is_file()


def test_every_file_of_the_directory_is_known() -> None:
    modules = {path.stem for path in (ROOT / "proofs" / "counterexamples").glob("*.py")}
    shown = {
        stem.partition(".")[0] for number, stem in STEMS.items() if number not in WHOLE_NUMBERS
    }
    assert modules - {"__init__", "counterexample"} == shown


def test_only_what_is_about_whole_numbers_has_no_counterexamples() -> None:
    assert {"P-10", "P-18"} == WHOLE_NUMBERS


def test_unknown_number_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^statement = 'P-99': must be one of P-01, P-02, "):
        get_statement("P-99")


def test_every_counterexample_violates_what_it_drops_a_hypothesis_of() -> None:
    found = get_counterexamples()
    assert [example.number for example in found] == sorted(example.number for example in found)
    assert {example.number for example in found} == set(STEMS) - WHOLE_NUMBERS
    for example in found:
        assert example.left > example.right, example
        assert example.dropped
        assert example.instance


def test_counterexamples_stand_in_the_order_of_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "STEMS", {"P-03": "attention"})
    found = get_counterexamples()
    assert found
    assert all(isinstance(example, Counterexample) for example in found)
    assert {example.number for example in found} == {"P-03"}
