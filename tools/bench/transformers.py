"""Contender: Hugging Face `transformers` on PyTorch, decode with its key-value cache.

Runs in the interpreter that has PyTorch; imports nothing else of this project. Both of its caches
are tried, the one that grows by concatenation (its default) and the static one, and the quicker
one plays.
"""

from __future__ import annotations

import os
import time
from typing import Any

import torch
import transformers
from transformers import DynamicCache, LlamaForCausalLM, StaticCache

Answer = dict[str, Any]

TRIAL_TOKENS = 2


class TransformersPlayer:
    """Plays `LlamaForCausalLM` in float32 or bfloat16."""

    def __init__(self, dtype: str) -> None:
        threads = int(os.environ["FASTCAR_BENCH_THREADS"])
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self._dtype: Any = getattr(torch, dtype)

    def describe(self) -> Answer:
        """Versions and threads."""
        versions = f"transformers {transformers.__version__}, PyTorch {torch.__version__}"
        return {"version": versions, "threads": torch.get_num_threads()}

    def open(self, folder: str) -> Answer:
        """Load the checkpoint directory."""
        self._model = LlamaForCausalLM.from_pretrained(folder, dtype=self._dtype).eval()
        return {"weight_bytes": sum(p.numel() * p.element_size() for p in self._model.parameters())}

    def prepare(self, batch: int, context: int, capacity: int) -> Answer:
        """Fill a cache of each kind with random numbers; keep the quicker kind."""
        self._batch, self._context, self._capacity = batch, context, capacity
        trials: dict[str, float] = {}
        for kind in ("dynamic", "static"):
            self._cache: Any = None
            self._cache = self._make_cache(kind)
            self._kind = kind
            self._run(TRIAL_TOKENS)
            trials[kind] = min(self._run(TRIAL_TOKENS) for _ in range(2))
        if trials["dynamic"] < trials["static"]:
            self._cache = None
            self._cache = self._make_cache("dynamic")
            self._kind = "dynamic"
        return {"cache": self._kind}

    def _make_cache(self, kind: str) -> Any:
        config = self._model.config
        is_static = kind == "static"
        cache: Any = (
            StaticCache(config=config, max_cache_len=self._capacity)
            if is_static
            else DynamicCache()
        )
        heads, head_dim = config.num_key_value_heads, config.head_dim
        shape = (self._batch, heads, self._context, head_dim)
        for layer_index in range(config.num_hidden_layers):
            keys, values = (torch.randn(shape, dtype=self._dtype) for _ in range(2))
            cache.update(keys, values, layer_index)
        return cache

    def burst(self, variant: str, tokens: int) -> Answer:
        """One token untimed, then `tokens` timed ones."""
        return {"seconds": self._run(tokens)}

    def _run(self, tokens: int) -> float:
        ids = torch.randint(0, self._model.config.vocab_size, (tokens + 1, self._batch, 1))
        self._rewind()
        self._step(ids[0], 0)
        start = time.perf_counter()
        for index in range(1, tokens + 1):
            self._step(ids[index], index)
        return time.perf_counter() - start

    def _rewind(self) -> None:
        if self._kind == "dynamic":
            self._cache.crop(self._context - self._cache.get_seq_length())
        else:
            for layer in self._cache.layers:
                layer.cumulative_length.fill_(self._context)

    def _step(self, ids: Any, index: int) -> None:
        position = torch.tensor([[self._context + index]])
        self._model(
            input_ids=ids, past_key_values=self._cache, use_cache=True, position_ids=position
        )

    def read_logits(self, variant: str, token_ids: list[int]) -> Answer:
        """Logits after a short prompt."""
        logits = self._model(input_ids=torch.tensor([token_ids])).logits
        return {"logits": logits[0, -1].float().tolist()}

    def release(self) -> Answer:
        """Let the cache go."""
        self._cache = None
        return {}
