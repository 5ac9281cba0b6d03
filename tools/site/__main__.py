"""Build the site: pages of docs/ and pages made from the code, warnings as errors, links checked.

python -m tools.site                  # out/site
python -m tools.site --out elsewhere
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

import fastcar
from tools.page import tell_faults
from tools.paths import ROOT
from tools.site.api import make_api_pages
from tools.site.links import find_broken_links, find_unreached, read_pages
from tools.site.notebooks import make_notebook_pages
from tools.site.settings import START, make_settings
from tools.site.stage import stage
from tools.site.unit_pages import make_unit_pages

ASIDE = {"search.html", "genindex.html", "py-modindex.html", "index.html"}
"""Pages that Sphinx makes, or that only leads on."""


def build(folder: Path, root: Path = ROOT) -> list[str]:
    """Build the site of a repository.

    Args:
        folder: gets the pages and `source/`, from which they are made.
        root: of the repository.

    Returns:
        A line for each fault: what Sphinx warns of stands on stderr already.
    """
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "source"
    pages = make_api_pages(root)
    if root == ROOT:
        pages |= make_unit_pages() | make_notebook_pages()
    stage(source, pages, root)
    html = folder / "html"
    faults = [] if run_sphinx(source, html, folder / "doctrees") else ["Sphinx warned, see above"]
    leads_to = f"{START}.html"
    (html / "index.html").write_text(
        f'<!doctype html><title>FastCar</title><meta http-equiv="refresh" content="0; '
        f'url={leads_to}"><a href="{leads_to}">FastCar</a>\n',
        encoding="utf-8",
    )
    linked = read_pages(html)
    faults += find_broken_links(linked)
    unreached = [path.name for path in find_unreached(linked, html / leads_to)]
    return faults + [f"{name}: no link leads to it" for name in unreached if name not in ASIDE]


def run_sphinx(source: Path, html: Path, doctrees: Path) -> bool:
    """Make the pages; whether nothing was warned of."""
    with patch_docutils(), docutils_namespace():
        site = Sphinx(
            srcdir=source,
            confdir=None,
            outdir=html,
            doctreedir=doctrees,
            buildername="html",
            confoverrides=make_settings(fastcar.__version__),
            status=None,
            warningiserror=True,
        )
        site.build(force_all=True)
    return bool(site.statuscode == 0)


def main(arguments: Sequence[str]) -> int:
    """Build and check; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="site", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "site", help="made anew")
    folder = parser.parse_args(arguments).out
    faults = build(folder)
    if not faults:
        print(f"{folder / 'html' / 'index.html'}")
    return tell_faults(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
