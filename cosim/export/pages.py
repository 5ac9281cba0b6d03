"""The pages of docs/ that the package cites, as copies that stand alone."""

from __future__ import annotations

import re
from importlib import resources

from fastcar.cosim.export.license import tag

SPECIFICATION_FILE = "accelerator.md"
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]+\)")
"""To a page that is not in the package."""


def copy_page(name: str) -> str:
    """A page behind the tags of its licence, links to other pages as their names alone."""
    page = (resources.files("fastcar.docs") / name).read_text(encoding="utf-8")
    return tag(_LINK.sub(r"\1", page), "<!--", " -->")
