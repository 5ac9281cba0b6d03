"""A site of a small repository: it builds, and what is wrong with a page stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.site.__main__ import build

# MyST and furo use names of Sphinx that the next one may drop; which is theirs to mend.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

TOCTREE = "# Start\n\n```{toctree}\n\none\n../api/index\n```\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with two pages and one module."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "fastcar").mkdir()
    (tmp_path / "fastcar" / "__init__.py").write_text('"""A package."""\n')
    (tmp_path / "fastcar" / "one.py").write_text(
        '"""A module."""\n\n\ndef give(rows: int = 3) -> int:\n    """Give it.\n\n'
        "    Args:\n        rows: that are `given`.\n\n    >>> give()\n    3\n    "
        '"""\n    return rows\n'
    )
    (tmp_path / "docs" / "index.md").write_text(TOCTREE)
    (tmp_path / "docs" / "one.md").write_text("# One\n\n[back](index.md#start)\n")
    return tmp_path


def build_page(root: Path, text: str) -> list[str]:
    """Faults of the site with another text of its page."""
    (root / "docs" / "one.md").write_text(text)
    return build(root / "out", root)


def test_a_site_without_faults_has_pages_and_names(root: Path) -> None:
    assert build(root / "out", root) == []
    html = root / "out" / "html"
    assert "docs/index.html" in (html / "index.html").read_text()
    names = (html / "api" / "fastcar.html").read_text()
    for shown in ('id="fastcar.one.give"', "that are", "&gt;&gt;&gt; "):
        assert shown in names


@pytest.mark.parametrize(
    "text",
    [
        "# One\n\n[gone](two.md)\n",
        "# One\n\n[gone](index.md#end)\n",
        "# One\n\n![gone](two.png)\n",
        "# One\n\n```{toctre}\n```\n",
        "# One\n\n### Three\n",
    ],
)
def test_a_page_with_a_fault_stops_the_build(root: Path, text: str) -> None:
    assert build_page(root, text) != []


def test_a_page_without_a_place_stops_the_build(root: Path) -> None:
    (root / "docs" / "two.md").write_text("# Two\n")
    assert build(root / "out", root) != []


def test_an_address_outside_needs_its_form(root: Path) -> None:
    assert build_page(root, "# One\n\n[x](http://example.org)\n") == [
        "one.html: http://example.org: no https address of a host"
    ]


def test_a_link_to_a_file_shows_the_file(root: Path) -> None:
    (root / "tests").mkdir()
    (root / "tests" / "test_one.py").write_text("x = 1\n")
    assert build_page(root, "# One\n\n[test](../tests/test_one.py)\n") == []


def test_a_link_to_code_leads_to_its_names(root: Path) -> None:
    assert build_page(root, "# One\n\n[code](../fastcar/one.py)\n") == []
    assert 'href="../api/fastcar.html#one"' in (root / "out/html/docs/one.html").read_text()
