"""Run the notebooks as scripts, and show each with what it printed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from fastcar.reference.errors import FastCarError
from tools.paths import ROOT

FOLDER = ROOT / "tools" / "notebooks"
LIMIT_SECONDS = 60
"""Of processor time on an idle machine each takes two; a notebook that needs a minute is none."""
MOST = 3


class NotebookError(FastCarError):
    """A notebook does not run to its end."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name}: {reason}")


def list_notebooks(folder: Path = FOLDER) -> list[Path]:
    """Files of the notebooks."""
    return sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")


def run_notebook(path: Path, limit_seconds: float = 10 * LIMIT_SECONDS) -> str:
    """What a notebook prints as a script; the limit leaves room for a machine that is busy.

    Raises:
        NotebookError: a cell raised, or the limit was reached.
    """
    try:
        done = subprocess.run(
            [sys.executable, path],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=limit_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotebookError(path, f"not done within {limit_seconds:g} s") from error
    if done.returncode != 0:
        raise NotebookError(path, done.stderr.strip().splitlines()[-1])
    return done.stdout


def make_notebook_pages() -> dict[str, str]:
    """Text of a page for every notebook by its path in the site; all are run."""
    return {f"docs/notebooks/{path.stem}.md": _make_page(path) for path in list_notebooks()}


def _make_page(path: Path) -> str:
    source = path.read_text(encoding="utf-8")
    title = (ast.get_docstring(ast.parse(source)) or path.stem).rstrip(".")
    return (
        f"# {title}\n\nAs a notebook: `.venv/bin/marimo edit tools/notebooks/{path.name}`. What it "
        f"prints as a script:\n\n```text\n{run_notebook(path)}```\n\n```python\n{source}```\n"
    )
