"""The contenders of this project: one decoder per engine, dense and with replay.

Each decoder is put into the middle of a long generation: its key-value cache is filled with random
numbers and every turn starts at the same entry, so no prompt has to be fed. Decoders that keep keys
and values alike share one such cache, as only one runs at a time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kv_cache import CacheStorage, KVCache
from fastcar.reference.matrix import DecoderWeights, compress_weights
from fastcar.reference.records import DecodeResult, ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling, make_streams
from fastcar.reference.token_loop import StepRunner, TokenLoop
from tools.bench.gate import EvenGate
from tools.bench.plan import (
    ENGINES,
    READ,
    REFERENCE_ENGINE,
    REPLAY_RATIOS,
    TOKENS_PER_FRAME,
    get_variant,
)

Answer = dict[str, Any]

READ_BYTES = 1 << 29
"""Array that is read for the bandwidth: far larger than any cache."""
READ_SECONDS = 0.1
SPIN_SECONDS = 0.15
"""Threads of OpenBLAS wait busily for 0.1 s after a product; nobody else is to play meanwhile."""


def make_engine(name: str) -> Engine:
    """The engine of a contender of `ENGINES`."""
    return NumpyEngine() if name.startswith("numpy") else NumbaEngine()


def get_cache_storage(name: str) -> CacheStorage:
    """How a contender of `ENGINES` keeps keys and values."""
    return CacheStorage.BFLOAT16 if name.endswith("int8") else CacheStorage.EXACT


def let_threads_sleep(name: str) -> None:
    """Wait until no thread of the last product is awake."""
    if name.startswith("numpy"):
        time.sleep(SPIN_SECONDS)


def count_weight_bytes(weights: DecoderWeights, rows: int) -> int:
    """Bytes of weights that one dense step of `rows` rows touches."""
    embedding = weights.embedding
    matrices: list[Any] = [weights.norm, weights.head]
    for layer in weights.layers:
        matrices += vars(layer).values()
    row_bytes = embedding.nbytes // embedding.shape[0]
    return int(rows * row_bytes + sum(matrix.nbytes for matrix in matrices))


class OwnPlayer:
    """Plays dense and replaying decoders of every engine, and reads memory."""

    def open(self, folder: str) -> Answer:
        """Load a float32 checkpoint and quantise it."""
        self._config, floats = load_checkpoint(Path(folder))
        self._weights: dict[str, DecoderWeights] = {
            name: compress_weights(floats, "int8") if name.endswith("int8") else floats
            for name in ENGINES
        }
        self._block = np.ones(READ_BYTES // 8, np.int64)
        self._decoders: dict[str, Decoder] = {}
        return {"weight_bytes": {n: count_weight_bytes(w, 1) for n, w in self._weights.items()}}

    def get_variants(self) -> list[str]:
        """Names of the contenders."""
        return [READ] + [get_variant(name, r) for name in ENGINES for r in (0.0, *REPLAY_RATIOS)]

    def prepare(self, batch: int, context: int, capacity: int) -> Answer:
        """Decoders of `batch` rows with `context` tokens behind them."""
        self._decoders = {
            name: make_decoder(self._config, weights, name, batch, capacity)
            for name, weights in self._weights.items()
        }
        caches: dict[CacheStorage, KVCache] = {}
        for name, decoder in self._decoders.items():
            storage = get_cache_storage(name)
            if storage not in caches:
                fill_cache(decoder, context)
                caches[storage] = decoder.kv_cache
            decoder.kv_cache = caches[storage]
            decoder.mlp.reset()
        self._context = context
        self._gates = {
            (name, ratio): self._make_gate(ratio, batch)
            for name in ENGINES
            for ratio in REPLAY_RATIOS
        }
        return {"cache_bytes": count_cache_bytes(self._decoders[REFERENCE_ENGINE], context)}

    def _make_gate(self, ratio: float, batch: int) -> EvenGate:
        gate = EvenGate(ratio)
        gate.reset(self._config, batch, TOKENS_PER_FRAME, np.dtype(np.float32))
        return gate

    def burst(self, variant: str, tokens: int) -> Answer:
        """Decode one token untimed, then `tokens` timed ones; time it takes, by part."""
        if variant == READ:
            return {"bytes_per_second": measure_bandwidth(self._block)}
        name, _, percent = variant.partition(" ")
        decoder = self._decoders[name]
        ratio = float(percent.rstrip("%")) / 100 if percent else 0.0
        decoder.mlp.rule.gate = self._gates[name, ratio] if ratio else None
        decoder.kv_cache.num_entries = self._context
        answer = run_turn(decoder, tokens)
        let_threads_sleep(name)
        return answer

    def measure_rows(self, name: str, rows: int) -> Answer:
        """Seconds of one layer's MLP of `rows` rows; the mean over all layers of the model."""
        engine, weights = make_engine(name), self._weights[name]
        normed = np.random.default_rng(0).standard_normal((rows, self._config.hidden_size))
        inputs = normed.astype(np.float32)
        engine.swiglu(inputs, weights.layers[-1])
        start = time.perf_counter()
        for layer in weights.layers:
            engine.swiglu(inputs, layer)
        seconds = (time.perf_counter() - start) / len(weights.layers)
        let_threads_sleep(name)
        return {"seconds": seconds}

    def read_logits(self, variant: str, token_ids: list[int]) -> Answer:
        """Logits after a short prompt and one step, to compare the models."""
        decoder = make_decoder(self._config, self._weights[variant], variant, 1, len(token_ids))
        ids = np.array([token_ids], np.int64)
        decoder.prefill(ids[:, :-1])
        return {"logits": decoder.step(ids[:, -1])[0].tolist()}

    def release(self) -> Answer:
        """Let the caches go."""
        self._decoders = {}
        self._gates = {}
        return {}


def make_decoder(
    config: ModelConfig, weights: DecoderWeights, name: str, rows: int, capacity: int
) -> Decoder:
    """The decoder of a contender, with a replay cache; its gate is exchanged turn by turn."""
    return Decoder(
        config,
        weights,
        rows=rows,
        capacity_tokens=capacity,
        replay=ReplayConfig(TOKENS_PER_FRAME),
        gate=EvenGate(0.5),
        float_engine=make_engine(name),
        cache_storage=get_cache_storage(name),
    )


def fill_cache(decoder: Decoder, context: int) -> None:
    """Random keys and values for `context` tokens; speed does not depend on them."""
    rng = np.random.default_rng(0)
    cache = decoder.kv_cache
    layers, rows, heads, _, head_dim = cache.keys.shape
    for layer in range(layers):
        keys, values = rng.standard_normal((2, rows, context, heads, head_dim), np.float32)
        cache.update(layer, 0, keys, values)
    cache.num_entries = context


def count_cache_bytes(decoder: Decoder, context: int) -> int:
    """Bytes of keys and values that one step reads."""
    cache = decoder.kv_cache
    return 2 * cache.keys.nbytes // cache.capacity_tokens * context


def run_turn(decoder: Decoder, tokens: int) -> Answer:
    """One token untimed, then `tokens` timed ones, as generation feeds them.

    Returns:
        seconds of the timed tokens, `parts` of them by lap, and how often 0, 1, .. B rows
        computed in a layer.
    """
    loop = make_loop(decoder, tokens + 1)
    runner = decoder.float_engine.make_runner(loop) or StepRunner(loop)
    index = runner.run(TOKENS_PER_FRAME)
    timed = index
    before = dict(decoder.laps.seconds)
    start = time.perf_counter()
    while index < loop.num_tokens:
        index = runner.run(index)
    seconds = time.perf_counter() - start
    computing = decoder.num_rows - loop.result.record.replayed[timed:].sum(axis=-1)
    counts = np.bincount(computing.reshape(-1), minlength=decoder.num_rows + 1).tolist()
    return {"seconds": seconds, "parts": get_parts(decoder, before), "row_counts": counts}


def make_loop(decoder: Decoder, tokens: int) -> TokenLoop:
    """A generation that is given `tokens` random tokens behind what the cache holds.

    They follow the first frame, so that they may replay, and the last one more is not fed.
    """
    decoder.prompt_tokens = decoder.kv_cache.num_entries - TOKENS_PER_FRAME
    rows, vocab_size = decoder.num_rows, decoder.config.vocab_size
    total = TOKENS_PER_FRAME + tokens + 1
    given: NDArray[np.int64] = np.random.default_rng(tokens).integers(
        vocab_size, size=(rows, total)
    )
    result = DecodeResult(
        np.zeros((rows, total), np.int64),
        ReplayRecord(decoder.config, total - 1, rows, decoder.dtype),
        np.zeros((total, rows)),
        np.zeros((total, rows), bool),
        decoder.laps.seconds,
    )
    logits = np.zeros((rows, vocab_size), decoder.dtype)
    streams = make_streams(0, rows)
    engine, sampling = decoder.float_engine, Sampling()
    return TokenLoop(decoder, result, engine, sampling, streams, given, vocab_size, None, logits)


def get_parts(decoder: Decoder, before: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each part since `before`."""
    return {name: value - before[name] for name, value in decoder.laps.seconds.items()}


@numba.njit(parallel=True, fastmath=True)
def _sum(block: NDArray[np.int64]) -> int:
    total = 0
    for index in numba.prange(block.size):
        total += block[index]
    return total


def measure_bandwidth(block: NDArray[np.int64]) -> float:
    """Bytes per second that all threads together read, the best of a few passes."""
    _sum(block[:1024])
    best, end = 0.0, time.perf_counter() + READ_SECONDS
    while True:
        start = time.perf_counter()
        _sum(block)
        now = time.perf_counter()
        best = max(best, block.nbytes / (now - start))
        if now >= end:
            return best
