"""Notebooks run to their end, and one that does not stops the site."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.site.notebooks import MOST, NotebookError, list_notebooks, run_notebook

GOOD = (
    "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    print({})\n\n\napp.run()\n"
)


def test_there_are_a_few() -> None:
    assert 1 <= len(list_notebooks()) <= MOST


@pytest.mark.slow
@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints(path: Path) -> None:
    assert run_notebook(path).strip()


def test_a_cell_that_raises_is_told(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(GOOD.format("1 / 0"))
    with pytest.raises(NotebookError, match=r"^broken\.py: ZeroDivisionError: division by zero$"):
        run_notebook(path)


def test_a_notebook_that_never_ends_is_told(tmp_path: Path) -> None:
    path = tmp_path / "endless.py"
    path.write_text("while True:\n    pass\n")
    with pytest.raises(NotebookError, match=r"^endless\.py: not done within 0\.5 s$"):
        run_notebook(path, limit_seconds=0.5)
