"""What is said when kernels are compiled, and when they are compiled anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import fastcar.reference.kernels.compilation as compilation
from fastcar.reference.kernels.compilation import NOTICE, get_digest

PROGRAM = """
import numpy as np
from fastcar.reference.kernels.engine import NumbaEngine
engine = NumbaEngine()
print(engine.rms_norm(np.ones((1, 4), np.float32), np.ones(4, np.float32), 1e-5).shape)
"""


def run_program(cache: Path, program: str = PROGRAM) -> tuple[str, str]:
    """What a fresh process prints to both streams."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(compilation.PACKAGE.parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


def test_the_first_process_says_once_that_it_compiles(tmp_path: Path) -> None:
    assert run_program(tmp_path) == ("(1, 4)\n", NOTICE + "\n")
    assert run_program(tmp_path) == ("(1, 4)\n", "")
    assert {path.name for path in tmp_path.iterdir()} == {f"kernels-{get_digest()}"}


def test_any_source_of_the_package_changes_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "PACKAGE", tmp_path)
    digests = set()
    for text in ("", "LANES = 16", "LANES = 8"):
        (tmp_path / "lanes.py").write_text(text, encoding="utf-8")
        get_digest.cache_clear()
        digests.add(get_digest())
    get_digest.cache_clear()
    assert len(digests) == 3


def test_numpy_users_do_not_import_numba() -> None:
    program = (
        "import sys, fastcar.reference.generate, fastcar.reference.engine_factory; "
        "print('numba' in sys.modules)"
    )
    assert run_program(Path("unused"), program) == ("False\n", "")
