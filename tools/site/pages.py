"""Fill the pages of docs/ whose tables the code tells, and draw what explains (`make pages`)."""

from __future__ import annotations

import sys
from pathlib import Path

from fastcar.output import write_atomically
from tools.page import Page, fill, tell_faults
from tools.paths import DOCS
from tools.site import manual, traceability
from tools.site.drawings import DRAWINGS
from tools.site.ideas import IDEAS

PAGES: tuple[Page, ...] = (traceability.PAGE, *manual.PAGES)


def make_files(directory: Path = DOCS) -> dict[Path, str]:
    """What the code says now: text of every page and drawing by its path."""
    files = {directory / "figures" / name: draw() for name, draw in DRAWINGS.items()}
    for page in PAGES:
        path = directory / page.name
        files[path] = fill(path.read_text(encoding="utf-8"), page.make_tables({}))
    return files


def find_stale(directory: Path = DOCS) -> list[str]:
    """A line for every page and drawing that is not what the code says now."""
    return [
        f"docs/{path.relative_to(directory)} is not what the code says: make pages"
        for path, text in make_files(directory).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write every page and drawing; 1 if a name of the table of ideas does not exist."""
    for path, text in make_files().items():
        with write_atomically(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return tell_faults(traceability.find_faults_of_ideas(IDEAS))


if __name__ == "__main__":
    sys.exit(main())
