"""What pages and docstrings point to exists: files, modules, and decisions by their numbers."""

from __future__ import annotations

import os
import pkgutil
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TREES = ("fastcar", "reference", "rtl", "cosim", "proofs", "tools", "tests", "docs", "findings")
PAGES = sorted(
    page
    for pattern in ("README.md", "docs/**/*.md", "tests/README.md", "findings/README.md")
    for page in ROOT.glob(pattern)
)
CODE = sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py"))
QUOTED = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?:{'|'.join(TREES)}|\.ci)/[\w./-]*")
FILE = re.compile(rf"(?<![\w./-])(?:{'|'.join(TREES)})/[\w/]+\.(?:py|md|json|sv|cpp|png|v)\b")
NUMBERS = sorted([*ROOT.glob("docs/*.json"), *ROOT.glob("reference/video/*/*.json")])
NAME = re.compile(r"(?:fastcar|tools|tests)(?:\.\w+)+")
DECISION = re.compile(r"\bD-\d+\b")


def read(path: Path) -> str:
    """A text file."""
    return path.read_text(encoding="utf-8")


def find_dead(page: str) -> list[str]:
    """Quoted paths and dotted names that do not exist."""
    quoted = sorted(set(QUOTED.findall(page)))
    paths = [text for text in quoted if PATH.fullmatch(text) and not (ROOT / text).exists()]
    names = [text for text in quoted if NAME.fullmatch(text) and not is_name(text)]
    return paths + names


def is_name(text: str) -> bool:
    """Whether a dotted name is a module or something in one."""
    try:
        pkgutil.resolve_name(text)
    except (ImportError, AttributeError):
        return False
    return True


def get_decisions() -> list[str]:
    """Numbers of the decisions, in the order of the page."""
    return re.findall(r"^## (D-\d+) ", read(ROOT / "docs" / "decisions.md"), re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_quoted_paths_and_names_of_a_page_exist(page: Path) -> None:
    assert find_dead(read(page)) == []


def test_dead_paths_and_names_are_found() -> None:
    page = "`docs/decisions.md` `rtl/nothing.py` `fastcar.trace` `fastcar.nothing` `a/b`"
    assert find_dead(page) == ["rtl/nothing.py", "fastcar.nothing"]


def test_files_that_docstrings_name_exist() -> None:
    named = {(path.name, file) for path in CODE for file in FILE.findall(read(path))}
    assert {file for _, file in named} >= {"docs/accelerator.md"}
    this = Path(__file__).name
    assert [pair for pair in named if pair[0] != this and not (ROOT / pair[1]).exists()] == []


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = get_decisions()
    assert numbers == [f"D-{number:02}" for number in range(1, len(numbers) + 1)]


def test_every_decision_is_cited_where_it_acts_and_every_citation_exists() -> None:
    acting = [path for path in CODE if path.relative_to(ROOT).parts[0] != "tests"]
    cited = {number for path in acting for number in DECISION.findall(read(path))}
    assert cited == set(get_decisions())
    for path in (*PAGES, *CODE, ROOT / "CHANGELOG.md"):
        assert set(DECISION.findall(read(path))) <= cited, path


def test_every_finding_is_listed_and_says_version_behaviour_and_guess() -> None:
    scripts = sorted((ROOT / "findings").glob("*.sh"))
    page = read(ROOT / "findings" / "README.md")
    listed = re.findall(r"^\| `(findings/\w+\.sh)` \|", page, re.M)
    assert listed == [str(path.relative_to(ROOT)) for path in scripts]
    for script in scripts:
        text = read(script)
        assert os.access(script, os.X_OK)
        assert text.startswith("#!/usr/bin/env bash\n")
        assert "\nset -euo pipefail\n" in text
        for part in ("# Behaviour: ", "# Seen", "# A good engineer would have guessed: "):
            assert f"\n{part}" in text
        assert re.search(r"pip.* install .*\w==\d", text)
        assert "fastcar" not in text


@pytest.mark.parametrize("path", NUMBERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_numbers_name_no_place_of_a_machine(path: Path) -> None:
    assert not re.search(r'"(/|[A-Za-z]:\\)', read(path)), path
