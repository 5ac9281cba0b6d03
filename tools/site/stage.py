"""The pages of the site as one folder: a mirror of the repository, so that links stay as they are.

Pages are written where readers of the repository look for them: README.md at the top, docs/,
tests/README.md. A copy of these, each in its folder, is what Sphinx reads; pages that are made
from the code are written beside them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.paths import ROOT

PATTERNS = (
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "docs/**/*.md",
    "docs/**/*.png",
    "docs/**/*.svg",
    "tests/README.md",
    "findings/*",
    "reference/video/*/MODEL_CARD.md",
)
"""Files that the site shows; what they link to comes with them."""

TREES = ("reference", "rtl", "cosim", "proofs")
LINK = re.compile(r"(?P<before>\]\()(?P<target>[^)#:\s]+)(?P<after>(?:#[^)\s]*)?\))")


def list_files(root: Path = ROOT) -> list[Path]:
    """Files of the repository that the site shows, below `root`, sorted."""
    found = {path for pattern in PATTERNS for path in root.glob(pattern) if path.is_file()}
    return sorted(found)


def stage(folder: Path, pages: Mapping[str, str], root: Path = ROOT) -> None:
    """Make `folder` anew with every file that the site shows.

    Args:
        folder: of the pages; made anew.
        pages: text of every generated page by its path in the site.
        root: of the repository.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for path in list_files(root):
        copy = folder / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            text = link_code(path.read_text(encoding="utf-8"), path, pages, root)
            copy.write_text(text, encoding="utf-8")
            _copy_linked(text, path, folder, root)
        else:
            shutil.copyfile(path, copy)
    for name, text in pages.items():
        page = folder / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")


def _copy_linked(text: str, page: Path, folder: Path, root: Path) -> None:
    """Copy the files that a page links to and that are no pages: they are shown as they are."""
    for match in LINK.finditer(text):
        target = (page.parent / match["target"]).resolve()
        if target.is_file() and target.is_relative_to(root) and target.suffix != ".md":
            copy = folder / target.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, copy)


def link_code(text: str, page: Path, pages: Mapping[str, str], root: Path = ROOT) -> str:
    """The text of a page whose links to Python files lead to where the site shows their names.

    Args:
        text: of the page.
        page: its path.
        pages: generated pages by their paths.
        root: of the repository.
    """
    depth = len(page.relative_to(root).parts) - 1

    def replace(match: re.Match[str]) -> str:
        target = (page.parent / match["target"]).resolve()
        if target.suffix != ".py" or not target.is_relative_to(root):
            return match[0]
        module = name_module(target.relative_to(root))
        place = f"api/{module.rpartition('.')[0]}.md"
        if place not in pages:
            return match[0]
        return f"{match['before']}{'../' * depth}{place}#{make_anchor(module)})"

    return LINK.sub(replace, text)


def name_module(path: Path) -> str:
    """Import name of a Python file of the repository, by its path there.

    >>> name_module(Path("rtl/attention/turn.py")), name_module(Path("rtl/__init__.py"))
    ('fastcar.rtl.attention.turn', 'fastcar.rtl')
    """
    parts = list(path.with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join([*(["fastcar"] if parts[0] in TREES else []), *parts])


def make_anchor(module: str) -> str:
    """Anchor of the heading of a module on the page of its package.

    >>> make_anchor("fastcar.rtl.rms_norm")
    'rms_norm'
    """
    return module.rpartition(".")[2]


def list_modules(root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """Import name and file of every module that the package has, by name."""
    found = {
        name_module(path.relative_to(root)): path
        for tree in ("fastcar", *TREES)
        for path in (root / tree).rglob("*.py")
        if not path.parent.is_symlink() and not set(path.parts) & {"__pycache__"}
        if not any(parent.is_symlink() for parent in path.parents if parent != root)
    }
    yield from sorted(found.items())
