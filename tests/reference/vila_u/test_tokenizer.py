"""Files that are no tokenizer of this body, and a machine without sentencepiece."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from fastcar.reference.errors import CheckpointError
from fastcar.reference.vila_u.tokenizer import load_tokenizer
from tests.vila_u_files import get_folder


def check_refused(directory: Path, vocab_size: int, text: str) -> None:
    """The whole line that refuses a tokenizer."""
    place = directory / "tokenizer.model"
    with pytest.raises(CheckpointError, match=f"^{re.escape(f'{place}: found {text}')}$"):
        load_tokenizer(directory, vocab_size)


def test_without_its_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    text = (
        "sentencepiece not installed: must be read by sentencepiece: pip install 'fastcar[vila_u]',"
        " or give prompts as ids"
    )
    check_refused(get_folder("A1", "llm"), 364, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    check_refused(tmp_path, 364, "No such file or directory: must be a readable file")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("sentencepiece", reason="sentencepiece is not installed: fastcar[vila_u]")
    (tmp_path / "tokenizer.model").write_bytes(b"\xff" * 100)
    check_refused(tmp_path, 364, "no tokenizer: must be a sentencepiece model")


def test_another_vocabulary_is_refused() -> None:
    pytest.importorskip("sentencepiece", reason="sentencepiece is not installed: fastcar[vila_u]")
    text = "360 tokens: must be 361, 4 fewer than vocab_size"
    check_refused(get_folder("A1", "llm"), 365, text)
