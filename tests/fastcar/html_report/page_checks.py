"""What must hold of every page, told from its text alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = frozenset({"meta", "link", "input", "br", "img"})
LOADS = ("src", "href", "data", "action", "poster", "srcset", "xlink:href")
"""Attributes by which a page loads something, or leads away."""


@dataclass
class Page(HTMLParser):
    """Elements of a page.

    Attributes:
        ids: in their order.
        tags: names of all elements.
        elements: their names and attributes.
        scripts: text of every script, by its id; ours without one are numbered.
        policy: of the security policy.
        problems: ends that do not fit, duplicates, what would be loaded.
    """

    ids: list[str] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    scripts: dict[str, str] = field(default_factory=dict)
    policy: str = ""
    problems: list[str] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element, and note what it would load."""
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if "id" in given:
            if given["id"] in self.ids:
                self.problems.append(f"two elements are {given['id']}")
            self.ids.append(given["id"])
        for name in LOADS:
            if not given.get(name, "#").startswith(("#", "data:")):
                self.problems.append(f"{tag} loads {given[name]}")
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if tag not in VOID:
            self.open_tags.append(tag)
        if tag == "script":
            self.scripts[given.get("id", str(len(self.scripts)))] = ""

    def handle_endtag(self, tag: str) -> None:
        """Elements end in the order in which they began."""
        if not self.open_tags or self.open_tags.pop() != tag:
            self.problems.append(f"{tag} ends out of turn")

    def handle_data(self, data: str) -> None:
        """Text of scripts."""
        if self.open_tags and self.open_tags[-1] == "script":
            self.scripts[list(self.scripts)[-1]] += data

    def load(self, key: str) -> Any:
        """JSON of a data block."""
        return json.loads(self.scripts[key])


def parse_page(text: str) -> Page:
    """Parse a page, and hold it to what every page must keep."""
    page = Page()
    page.feed(text)
    page.close()
    if page.open_tags:
        page.problems.append(f"not ended: {page.open_tags}")
    for tag, given in page.elements:
        for name in ("for", "aria-describedby"):
            if name in given and given[name] not in page.ids:
                page.problems.append(f"{tag} is for {given[name]}, which is not there")
    return page


def strip_library(text: str, page: Page) -> str:
    """The page without the plotting library, which names what it could load."""
    library = max(page.scripts.values(), key=len)
    return text.replace(library, "")


def find_addresses(text: str) -> list[str]:
    """Addresses of the network in a text."""
    return re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'<]*|url\((?!#)[^)]*\)|@import", text)
