"""One word for one thing: docstrings and comments use the words of docs/glossary.md."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TREES = ("fastcar", "reference", "rtl", "cosim", "proofs", "tools")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
WORDS = ("batch", "row", "slot", "place", "window", "chain", "round", "tap")
NOT_OURS = re.compile(
    r"\b(batch (element|item|entry|lane)s?|element of the batch|(?<![\w.`])locations?\b(?! of a)"
    r"|sample of the batch|replay (streak|run length)|patch (slot|location))",
    re.IGNORECASE,
)
"""What is called slot, row, place or chain here."""


def list_words(source: str) -> Iterator[str]:
    """Lines of the comments and docstrings of a source text, without what stands in backticks."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_docstring = token.type == tokenize.STRING and token.string.startswith(('"""', 'r"""'))
        if is_docstring or token.type == tokenize.COMMENT:
            for line in token.string.splitlines():
                yield re.sub(r"`[^`]*`|^\s*\w+: |>>>.*", "", line)


def find_foreign(source: str) -> list[str]:
    """Lines with a word that is another one here."""
    return [line.strip() for line in list_words(source) if NOT_OURS.search(line)]


@pytest.mark.parametrize("tree", TREES)
def test_comments_and_docstrings_use_our_words(tree: str) -> None:
    paths = [path for path in (ROOT / tree).rglob("*.py") if "__pycache__" not in path.parts]
    found = {path.name: lines for path in paths if (lines := find_foreign(path.read_text("utf-8")))}
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        '"""A bit per batch element."""',
        'def f():\n    """The location shifts the rhythm."""',
        "x = 1  # every batch item\n",
    ],
)
def test_another_word_is_told(source: str) -> None:
    assert len(find_foreign(source)) == 1


def test_names_and_code_are_no_words() -> None:
    assert (
        find_foreign('location = 1  # of `location_index`\n"""\n    location: place of it.\n"""')
        == []
    )


@pytest.mark.parametrize("word", WORDS)
def test_the_glossary_has_the_word_once(word: str) -> None:
    rows = re.findall(rf"^\| (?:[\w ]+, )?{word}(?:, [\w ]+)? \|", GLOSSARY, re.M)
    in_meanings = GLOSSARY.partition("## Words with a second meaning")[2]
    assert len(rows) - len(re.findall(rf"^\| {word} \|", in_meanings, re.M)) == 1
