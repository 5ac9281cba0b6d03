"""The package as it is installed, as links: `fastcar/` with the trees that lie beside it.

Python finds `fastcar.reference` in `reference/` because setup.cfg says so (`package_dir`). Tools
that look for files (mypy, doctest) and copies of the repository that are not installed (planted
bugs) need the folders where their names say.

    python -m tools.package_tree .venv/tree
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.paths import ROOT

TREES = ("reference", "rtl", "cosim", "proofs", "docs")
"""Folders at the top level whose packages are imported below `fastcar`."""
BESIDE = ("tools", "tests")
"""Folders that are imported by their own names."""


def link_trees(package: Path, root: Path = ROOT) -> None:
    """Put a link to every tree of `root` into the folder of the package `fastcar`."""
    for tree in TREES:
        (package / tree).symlink_to(root / tree, target_is_directory=True)


def make_package_tree(folder: Path, root: Path = ROOT) -> None:
    """Make `folder` anew: `fastcar/`, complete, and what is imported beside it, all links."""
    shutil.rmtree(folder, ignore_errors=True)
    package = folder / "fastcar"
    package.mkdir(parents=True)
    for path in sorted((root / "fastcar").iterdir()):
        if path.name != "__pycache__":
            (package / path.name).symlink_to(path, target_is_directory=path.is_dir())
    link_trees(package, root)
    for name in BESIDE:
        (folder / name).symlink_to(root / name, target_is_directory=True)


def main(arguments: Sequence[str]) -> int:
    """Make the tree of links."""
    parser = argparse.ArgumentParser(prog="package_tree", description="The package as links.")
    parser.add_argument("folder", type=Path, help="made anew")
    make_package_tree(parser.parse_args(arguments).folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
