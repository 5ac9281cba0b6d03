"""A repository of three files, for the tools that plant bugs."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one module, one test and the profile that the tool asks for."""
    (tmp_path / "module.py").write_text("x = 1\ny = 1\n")
    (tmp_path / "test_module.py").write_text(
        "from module import x\n\ndef test_x() -> None:\n    assert x == 1\n"
    )
    (tmp_path / "test_other.py").write_text("def test_nothing() -> None:\n    assert True\n")
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\n")
    return tmp_path
