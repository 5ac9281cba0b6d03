"""The numbers that were to be reached, and whether they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.bench.plan import REFERENCE_ENGINE
from tools.bench.shipped.targets import find_shipped
from tools.bench.target import Target, format_target_table

Results = dict[str, Any]

STREAMING_SHARE = 0.8
STREAMING_GEOMETRIES = ("2048 x 8 layers", "7B, one layer")
PEER_SPEED_UPS = {"llama.cpp-Q8_0": 1.0, "transformers-float32": 4.0}
AMDAHL_SHARE = 0.95
AMDAHL_RATIO = 0.8
AMDAHL_BATCHES = (1, 16)
PAPER_GEOMETRY, PAPER_CONTEXT, PAPER_SPEED_UP = "7B, one layer", 2048, 1.7
TOKENS_PER_SECOND = 1000.0
START_SECONDS = 3.0
QUANTIZING_LIMIT = 1.5
"""Peak memory over the largest shard."""


def find_targets(results: Results) -> list[Target]:
    """Every target with what this run found."""
    return [
        *_find_streaming(results),
        *_find_peers(results),
        *_find_replay(results),
        *_find_video(results),
        *find_shipped(results.get("shipped")),
    ]


def find_cells(results: Results) -> Iterator[tuple[str, Results]]:
    """Name of the geometry and numbers, cell by cell."""
    for entry in results["geometries"]:
        for cell in entry["cells"]:
            yield entry["geometry"]["name"], cell


def _name(name: str, cell: Results) -> str:
    return f"{name}, batch {cell['batch']}, context {cell['context']}"


def _find_streaming(results: Results) -> Iterator[Target]:
    for name, cell in find_cells(results):
        if name in STREAMING_GEOMETRIES and cell["batch"] == 1:
            found = 100 * cell["streaming_share"][REFERENCE_ENGINE]
            claim = f"int8 dense, share of the streaming limit: {_name(name, cell)}"
            yield Target(claim, found, 100 * STREAMING_SHARE, unit="%")


def _find_peers(results: Results) -> Iterator[Target]:
    for peer, limit in PEER_SPEED_UPS.items():
        for name, cell in find_cells(results):
            if cell["batch"] == 1:
                found = cell["reference_speed_up"].get(peer)
                yield Target(f"int8 dense over {peer}: {_name(name, cell)}", found, limit)


def _find_replay(results: Results) -> Iterator[Target]:
    for name, cell in find_cells(results):
        speeds = [
            speed
            for speed in cell["replay"]
            if speed["engine"] == REFERENCE_ENGINE and speed["target_ratio"] == AMDAHL_RATIO
        ]
        for speed in speeds:
            if cell["batch"] in AMDAHL_BATCHES:
                claim = f"replay at 80%, share of Amdahl's speed-up: {_name(name, cell)}"
                yield Target(claim, 100 * speed["amdahl_share"], 100 * AMDAHL_SHARE, unit="%")
            if (name, cell["context"]) == (PAPER_GEOMETRY, PAPER_CONTEXT):
                claim = f"replay at 80% over dense: {_name(name, cell)}"
                yield Target(claim, speed["speed_up"], PAPER_SPEED_UP)


def _find_video(results: Results) -> Iterator[Target]:
    for run in results["videos"]:
        if (run["engine"], run["batch"], run["target_ratio"]) == ("numba-float32", 1, 0.0):
            claim = "shipped model, batch 1, dense, Numba: tokens per second"
            yield Target(claim, run["tokens_per_second"], TOKENS_PER_SECOND, unit="")
    claim = "`fastcar generate` to its first token, compilation cached: seconds"
    yield Target(claim, results["start"]["seconds"], START_SECONDS, is_upper=True, unit="")
    quantizing = results["quantizing"]
    found = quantizing["peak_bytes"] / quantizing["shard_bytes"]
    claim = "quantising, peak memory over the largest shard"
    yield Target(claim, found, QUANTIZING_LIMIT, is_upper=True)


def format_targets(results: Results) -> str:
    """Table of all targets."""
    return format_target_table(find_targets(results))
