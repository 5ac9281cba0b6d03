from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tools.bench.worker import Worker, WorkerError, serve


class Player:
    """Adds, or fails."""

    def add(self, one: int, other: int) -> int:
        """A sum."""
        return one + other

    def fail(self) -> None:
        """An error."""
        raise ValueError("no such thing")


def test_questions_are_answered_one_by_one() -> None:
    questions = [["add", 2, 3], ["fail"], ["add", 4, 5]]
    answers = io.StringIO()
    serve(Player(), io.StringIO("".join(json.dumps(q) + "\n" for q in questions)), answers)
    found = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert found == [{"result": 5}, {"error": "ValueError: no such thing"}, {"result": 9}]


def test_a_library_that_is_absent_is_named(tmp_path: Path) -> None:
    # -S leaves out site-packages: an interpreter without anything
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    for kind, library in (("transformers-float32", "torch"), ("llama.cpp-F16", "llama_cpp")):
        with Worker(kind, str(python)) as worker:
            message = f"^{kind}: ModuleNotFoundError: No module named '{library}'$"
            with pytest.raises(WorkerError, match=message):
                worker.ask("describe")


def test_an_unknown_kind_is_an_error() -> None:
    with (
        Worker("nobody") as worker,
        pytest.raises(WorkerError, match=r"^nobody: KeyError: 'nobody'$"),
    ):
        worker.ask("describe")


def test_a_process_that_ends_is_an_error() -> None:
    with (
        Worker("own", "/bin/true") as worker,
        pytest.raises(WorkerError, match=r"^own: (ended with exit code 0|.*Broken pipe)$"),
    ):
        worker.ask("get_variants")
