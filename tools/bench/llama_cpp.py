"""Contender: llama.cpp through the functions of `llama-cpp-python`.

Runs in the interpreter that has the library; imports nothing else of this project. One sequence
is fed, every other row gets a copy of its cache. Each row has its own key-value buffer (no
`kv_unified`), as rows of different videos have.
"""

from __future__ import annotations

import ctypes
import os
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

Answer = dict[str, Any]

PREFILL_TOKENS = 512
F16_FILE, Q8_FILE = "model-f16.gguf", "model-q8_0.gguf"


class LlamaCppPlayer:
    """Plays a GGUF file of format F16 or Q8_0."""

    def __init__(self, file_format: str) -> None:
        self._library: Any = import_module("llama_cpp")
        self._format = file_format
        self._threads = int(os.environ["FASTCAR_BENCH_THREADS"])
        self._context: Any = None
        self._model: Any = None
        self._library.llama_backend_init()

    def describe(self) -> Answer:
        """Version and threads."""
        return {
            "version": f"llama-cpp-python {version('llama-cpp-python')}",
            "threads": self._threads,
            "system": self._library.llama_print_system_info().decode(),
        }

    def open(self, folder: str) -> Answer:
        """Load the GGUF file, quantised by llama.cpp itself for Q8_0."""
        library = self._library
        path = Path(folder) / F16_FILE
        if self._format == "Q8_0":
            path = self._quantize(path, Path(folder) / Q8_FILE)
        self._free_context()
        if self._model is not None:
            library.llama_model_free(self._model)
        parameters = library.llama_model_default_params()
        parameters.n_gpu_layers = 0
        self._model = library.llama_model_load_from_file(str(path).encode(), parameters)
        if not self._model:
            raise RuntimeError(f"llama.cpp does not load {path.name}")
        self._vocab_size = library.llama_vocab_n_tokens(library.llama_model_get_vocab(self._model))
        return {"weight_bytes": library.llama_model_size(self._model)}

    def _quantize(self, source: Path, target: Path) -> Path:
        library = self._library
        parameters = library.llama_model_quantize_default_params()
        parameters.ftype = library.LLAMA_FTYPE_MOSTLY_Q8_0
        parameters.nthread = self._threads
        arguments = (str(source).encode(), str(target).encode(), ctypes.byref(parameters))
        if library.llama_model_quantize(*arguments):
            raise RuntimeError(f"llama.cpp does not quantise {source.name}")
        return target

    def prepare(self, batch: int, context: int, capacity: int) -> Answer:
        """Put every row behind `context` tokens."""
        self._make_context(batch, capacity)
        self._feed_prompt(context)
        for row in range(1, batch):
            self._library.llama_memory_seq_cp(self._memory, 0, row, -1, -1)
        self._tokens = context
        return {"cache": "F16"}

    def _make_context(self, rows: int, capacity: int) -> None:
        self._free_context()
        library = self._library
        parameters = library.llama_context_default_params()
        row_tokens = -(-capacity // 256) * 256
        parameters.n_ctx = rows * row_tokens
        parameters.n_batch = parameters.n_ubatch = PREFILL_TOKENS
        parameters.n_seq_max = rows
        parameters.n_threads = parameters.n_threads_batch = self._threads
        parameters.kv_unified = False
        parameters.no_perf = True
        self._context = library.llama_init_from_model(self._model, parameters)
        if not self._context:
            raise RuntimeError(f"llama.cpp makes no context of {parameters.n_ctx} tokens")
        self._memory = library.llama_get_memory(self._context)
        self._rows = rows

    def _free_context(self) -> None:
        if self._context is not None:
            self._library.llama_free(self._context)
            self._context = None

    def _feed_prompt(self, tokens: int) -> None:
        for first in range(0, tokens, PREFILL_TOKENS):
            places = range(first, min(first + PREFILL_TOKENS, tokens))
            self._decode([(place % self._vocab_size, place, 0) for place in places])

    def _decode(self, entries: list[tuple[int, int, int]]) -> None:
        """Feed (token id, position, row) entries; logits of the last one of every row."""
        batch = self._library.llama_batch_init(len(entries), 0, 1)
        last = {row: index for index, (_, _, row) in enumerate(entries)}
        batch.n_tokens = len(entries)
        for index, (token_id, position, row) in enumerate(entries):
            batch.token[index] = token_id
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = row
            batch.logits[index] = last[row] == index
        status = self._library.llama_decode(self._context, batch)
        self._library.llama_batch_free(batch)
        if status:
            raise RuntimeError(f"llama_decode returned {status}")

    def burst(self, variant: str, tokens: int) -> Answer:
        """One token untimed, then `tokens` timed ones."""
        for row in range(self._rows):
            self._library.llama_memory_seq_rm(self._memory, row, self._tokens, -1)
        self._step(0)
        start, cpu = time.perf_counter(), time.process_time()
        for index in range(1, tokens + 1):
            self._step(index)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "cpu_seconds": time.process_time() - cpu}

    def _step(self, index: int) -> None:
        self._decode(
            [
                ((7 * row + index) % self._vocab_size, self._tokens + index, row)
                for row in range(self._rows)
            ]
        )
        # the logits are there only when the computation has ended
        self._library.llama_synchronize(self._context)

    def read_logits(self, variant: str, token_ids: list[int]) -> Answer:
        """Logits after a short prompt."""
        self._make_context(1, len(token_ids))
        self._decode([(token_id, place, 0) for place, token_id in enumerate(token_ids)])
        logits = self._library.llama_get_logits_ith(self._context, len(token_ids) - 1)
        found = [logits[index] for index in range(self._vocab_size)]
        self._free_context()
        return {"logits": found}

    def release(self) -> Answer:
        """Let the caches go."""
        self._free_context()
        return {}
