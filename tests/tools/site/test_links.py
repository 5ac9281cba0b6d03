"""Links of a built site: what leads nowhere is told, and nothing outside is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.site.links import find_broken_links, find_unreached, read_pages


def write(folder: Path, **pages: str) -> None:
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("other.html", None),
        ("other.html#here", None),
        ("#own", None),
        ("https://arxiv.org/abs/2505.14709v1", None),
        ("missing.html", "no such file"),
        ("folder/other.html", "no such file"),
        ("other.html#there", "no such place on the page"),
        ("#other", "no such place on the page"),
        ("http://arxiv.org/", "no https address of a host"),
        ("https:///abs", "no https address of a host"),
        ("//arxiv.org", "no https address of a host"),
        ("file:///etc/passwd", "no https address of a host"),
    ],
)
def test_a_link_that_leads_nowhere_is_told(tmp_path: Path, link: str, fault: str | None) -> None:
    write(tmp_path, start=f'<h1 id="own"></h1><a href="{link}">x</a>', other='<p id="here"></p>')
    expected = [] if fault is None else [f"start.html: {link}: {fault}"]
    assert find_broken_links(read_pages(tmp_path)) == expected


def test_a_picture_that_is_not_there_is_told(tmp_path: Path) -> None:
    write(tmp_path, start='<img src="picture.png">')
    assert find_broken_links(read_pages(tmp_path)) == ["start.html: picture.png: no such file"]


def test_a_page_that_no_link_leads_to_is_told(tmp_path: Path) -> None:
    write(tmp_path, start='<a href="next.html#x">x</a>', next='<a href="last.html">x</a>')
    write(tmp_path, last="", alone='<a href="start.html">x</a>')
    unreached = find_unreached(read_pages(tmp_path), tmp_path / "start.html")
    assert [path.name for path in unreached] == ["alone.html"]
