"""Every link of the built site: inside, the file and the anchor are there; outside, its form.

Nothing is fetched: an address outside must be https with a name of a host, and is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SHOWN = {"a": "href", "img": "src", "link": "href", "script": "src", "object": "data"}
"""Attribute that names a file or a place, by element."""

HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


class PageLinks(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what an element names and where it leads."""
        values = dict(attrs)
        for name in ("id", "name"):
            if values.get(name):
                self.anchors.add(str(values[name]))
        link = values.get(SHOWN.get(tag, ""))
        if link:
            self.links.append(link)


Pages = Mapping[Path, PageLinks]


def read_pages(folder: Path) -> Pages:
    """Links and anchors of every page of a built site."""
    return {path.resolve(): _read(path) for path in sorted(folder.rglob("*.html"))}


def find_broken_links(pages: Pages) -> list[str]:
    """A line for each link of a built site that leads nowhere."""
    return [
        f"{path.name}: {link}: {fault}"
        for path, page in pages.items()
        for link in dict.fromkeys(page.links)
        if (fault := _find_fault(link, path, pages))
    ]


def find_unreached(pages: Pages, start: Path) -> list[Path]:
    """Pages that no way of links leads to from the start."""
    reached, waiting = {start.resolve()}, [start.resolve()]
    while waiting:
        path = waiting.pop()
        for target in _list_targets(path, pages[path]):
            if target in pages and target not in reached:
                reached.add(target)
                waiting.append(target)
    return [path for path in pages if path not in reached]


def _read(path: Path) -> PageLinks:
    reader = PageLinks()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def _list_targets(path: Path, page: PageLinks) -> Iterator[Path]:
    for link in page.links:
        parts = urlsplit(link)
        if not parts.scheme and not parts.netloc and parts.path:
            yield (path.parent / unquote(parts.path)).resolve()


def _find_fault(link: str, page: Path, pages: Pages) -> str | None:
    """What is wrong with a link of a page, None if nothing is."""
    parts = urlsplit(link)
    if parts.scheme == "data":
        return None
    if parts.scheme or parts.netloc:
        is_formed = parts.scheme == "https" and HOST.fullmatch(parts.netloc.lower())
        return None if is_formed else "no https address of a host"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_file():
        return "no such file"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "no such place on the page"
    return None
