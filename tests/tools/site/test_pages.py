"""Pages and drawings that the code tells are what it says, and a change of either is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.paths import DOCS
from tools.site.pages import PAGES, find_stale


def test_pages_and_drawings_are_what_the_code_says() -> None:
    assert find_stale() == []


@pytest.mark.parametrize("name", [*(page.name for page in PAGES), "figures/replay.svg"])
def test_a_page_that_says_something_else_is_told(tmp_path: Path, name: str) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(DOCS, docs, ignore=shutil.ignore_patterns("*.png", "*.json", "*.py"))
    text = (docs / name).read_text(encoding="utf-8")
    at = text.rindex("|" if name.endswith(".md") else "</svg>")
    (docs / name).write_text(f"{text[:at]} x {text[at:]}", encoding="utf-8")
    assert find_stale(docs) == [f"docs/{name} is not what the code says: make pages"]
