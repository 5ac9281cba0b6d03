"""The tokenizer beside a VILA-U body, read by `sentencepiece`, which the extra `vila_u` brings.

Nothing else of this package needs that library: prompts may be given as ids.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe_path, get_file_size, read_bytes

TOKENIZER_FILE = "tokenizer.model"
MAX_TOKENIZER_BYTES = 1 << 26
ADDED_TOKENS = 4
"""Ids behind those of the file: the starts and ends of images and videos."""


class Tokenizer:
    """Cuts texts into tokens; a `fastcar.reference.vila_u.prompts.TextEncoder`."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def encode(self, text: str) -> list[int]:
        """Ids of the tokens of a text, without one that begins it."""
        ids: list[int] = self._processor.encode(text)
        return ids


def load_tokenizer(directory: str | os.PathLike[str], vocab_size: int) -> Tokenizer:
    """Read `tokenizer.model`.

    Args:
        directory: the folder `llm` of a checkpoint.
        vocab_size: V of the body.

    Raises:
        CheckpointError: no such file, no tokenizer in it, one of another vocabulary, or nothing to
            read it with.
    """
    path = Path(directory) / TOKENIZER_FILE
    place = describe_path(path)
    num_bytes = get_file_size(path)
    if num_bytes > MAX_TOKENIZER_BYTES:
        raise CheckpointError(place, f"{num_bytes} bytes", f"at most {MAX_TOKENIZER_BYTES} bytes")
    content = read_bytes(path, num_bytes)
    try:
        library = import_module("sentencepiece")
    except ImportError:
        limit = "read by sentencepiece: pip install 'fastcar[vila_u]', or give prompts as ids"
        raise CheckpointError(place, "sentencepiece not installed", limit) from None
    try:
        processor = library.SentencePieceProcessor(model_proto=content)
    except RuntimeError as error:
        raise CheckpointError(place, "no tokenizer", "a sentencepiece model") from error
    size = int(processor.get_piece_size())
    if size != vocab_size - ADDED_TOKENS:
        limit = f"{vocab_size - ADDED_TOKENS}, {ADDED_TOKENS} fewer than vocab_size"
        raise CheckpointError(place, f"{size} tokens", limit)
    return Tokenizer(processor)
