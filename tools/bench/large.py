"""A model of the paper's size in int8, decoded from a memory map on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.reference.config import ModelConfig
from fastcar.reference.files.checkpoint import EMBEDDING, HEAD, NORM, get_layer_name
from fastcar.reference.files.int8_checkpoint import SCALE_SUFFIX, load_int8_checkpoint
from fastcar.reference.files.int8_writer import (
    Int8FileWriter,
    get_shard_name,
    make_int8_layout,
    quantize_checkpoint_files,
    write_index,
)
from fastcar.reference.weights import get_layer_shapes
from tools.bench.gate import EvenGate
from tools.bench.memory import get_held_bytes, get_peak_bytes, get_private_bytes
from tools.bench.own import count_weight_bytes, fill_cache, make_decoder, run_turn
from tools.bench.plan import REFERENCE_ENGINE, REPLAY_RATIOS, TOKENS_PER_FRAME, Geometry
from tools.bench.stats import compute_amdahl
from tools.bench.worker import Worker

Results = dict[str, Any]
Shapes = Mapping[str, tuple[int, ...]]

LARGE_GEOMETRY = Geometry("7B", 4096, 11008, 32, 32, 32000)
TINY_GEOMETRY = Geometry("tiny", 64, 96, 2, 2, 32)
LARGE_CONTEXT = 256
TURN_TOKENS = 10
"""A multiple of what makes every ratio but the last one exact."""
ROUNDS = 3


def write_random_model(folder: Path, config: ModelConfig) -> None:
    """An int8 checkpoint of random weights, one shard per layer and one for the rest.

    Args:
        folder: an existing directory.
        config: sizes; the products keep unit scale.
    """
    rng = np.random.default_rng(0)
    table = (config.vocab_size, config.hidden_size)
    shards: list[Shapes] = [{EMBEDDING: table, NORM: table[1:], HEAD: table}]
    for index in range(config.num_hidden_layers):
        shapes = get_layer_shapes(config)
        shards.append({get_layer_name(index, field): shape for field, shape in shapes.items()})
    weight_map: dict[str, str] = {}
    for index, tensors in enumerate(shards):
        name = get_shard_name(index, len(shards))
        weight_map |= dict.fromkeys(make_int8_layout(tensors), name)
        _write_shard(folder / name, tensors, rng)
    write_index(folder, config, weight_map)


def _write_shard(path: Path, tensors: Shapes, rng: np.random.Generator) -> None:
    layout = make_int8_layout(tensors)
    with Int8FileWriter(path, layout) as writer:
        for name, (dtype, shape) in layout.items():
            if dtype == "I8":
                writer.write(name, 0, rng.integers(-127, 128, shape, np.int8))
            elif name.endswith(SCALE_SUFFIX):
                width = tensors[name.removesuffix(SCALE_SUFFIX)][1]
                writer.write(name, 0, np.full(shape, 3**0.5 / 127 / width**0.5))
            else:
                writer.write(name, 0, rng.standard_normal(shape, np.float32))


class LargePlayer:
    """Maps an int8 checkpoint and decodes it, dense or replaying."""

    def write(self, folder: str, geometry: str) -> Results:
        """Write the model; here, so that its garbage is not in the memory of the others."""
        config = get_large_geometry(geometry).make_config(get_capacity())
        start = time.perf_counter()
        write_random_model(Path(folder), config)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        return {"seconds": time.perf_counter() - start, "bytes": size}

    def quantize(self, source: str, target: str) -> Results:
        """Quantise a float checkpoint; memory that this took beside what the process had."""
        Path(target).mkdir()
        before, start = get_held_bytes(), time.perf_counter()
        quantize_checkpoint_files(source, target)
        return {
            "seconds": time.perf_counter() - start,
            "shard_bytes": max(path.stat().st_size for path in Path(source).glob("*.safetensors")),
            "peak_bytes": get_peak_bytes() - before,
        }

    def open(self, folder: str) -> Results:
        """Map the weights, make a decoder in the middle of a generation."""
        start = time.perf_counter()
        config, weights = load_int8_checkpoint(folder)
        seconds = time.perf_counter() - start
        private_bytes = get_private_bytes()
        decoder = make_decoder(config, weights, REFERENCE_ENGINE, 1, get_capacity())
        fill_cache(decoder, LARGE_CONTEXT)
        decoder.prompt_tokens = LARGE_CONTEXT - TOKENS_PER_FRAME
        decoder.mlp.reset()
        self._decoder = decoder
        self._gates = {}
        for ratio in REPLAY_RATIOS:
            self._gates[ratio] = EvenGate(ratio)
            self._gates[ratio].reset(config, 1, TOKENS_PER_FRAME, np.dtype(np.float32))
        return {
            "map_seconds": seconds,
            "private_bytes_after_map": private_bytes,
            "weight_bytes": count_weight_bytes(weights, 1),
        }

    def burst(self, ratio: float, tokens: int) -> Results:
        """One token untimed, then `tokens` timed ones."""
        self._decoder.kv_cache.num_entries = LARGE_CONTEXT
        self._decoder.mlp.rule.gate = self._gates[ratio] if ratio else None
        return run_turn(self._decoder, tokens)

    def get_memory(self) -> Results:
        """Peak with the mapped weights, and what no file backs."""
        return {"peak_bytes": get_peak_bytes(), "private_bytes": get_private_bytes()}


def get_large_geometry(name: str) -> Geometry:
    """The geometry of that name."""
    return next(known for known in (LARGE_GEOMETRY, TINY_GEOMETRY) if known.name == name)


def get_capacity() -> int:
    """Tokens of the decoder's cache."""
    return LARGE_CONTEXT + TURN_TOKENS + 1


def measure_large(folder: Path, geometry: Geometry, threads: int) -> Results:
    """Write the model into `folder` and decode it; the caller removes the folder.

    Returns:
        Seconds of writing and mapping, tokens per second dense and by ratio, memory.
    """
    with Worker("large", threads=threads) as writer:
        written = writer.ask("write", str(folder), geometry.name)
    with Worker("large", threads=threads) as player:
        opened = player.ask("open", str(folder))
        start = time.perf_counter()
        player.ask("burst", 0.0, 1)
        first_seconds = time.perf_counter() - start
        runs: dict[float, list[Results]] = {ratio: [] for ratio in (0.0, *REPLAY_RATIOS)}
        for _ in range(ROUNDS):
            for ratio, answers in runs.items():
                answers.append(player.ask("burst", ratio, TURN_TOKENS))
        memory = player.ask("get_memory")
    return {
        "geometry": geometry.name,
        "file_bytes": written["bytes"],
        "write_seconds": written["seconds"],
        "first_two_tokens_seconds": first_seconds,
        **opened,
        **memory,
        "speeds": [_summarise(ratio, answers, runs[0.0]) for ratio, answers in runs.items()],
    }


def _summarise(ratio: float, answers: list[Results], dense: list[Results]) -> Results:
    speed_ups = [ours["seconds"] / run["seconds"] for run, ours in zip(answers, dense, strict=True)]
    share = float(np.median([run["parts"]["mlp"] / run["seconds"] for run in dense]))
    counts = np.sum([run["row_counts"] for run in answers], axis=0)
    replayed = float(counts[0] / counts.sum())
    return {
        "target_ratio": ratio,
        "replay_ratio": replayed,
        "tokens_per_second": TURN_TOKENS / float(np.median([run["seconds"] for run in answers])),
        "speed_up": float(np.median(speed_ups)),
        "mlp_share": share,
        "amdahl": compute_amdahl(share, replayed),
    }
