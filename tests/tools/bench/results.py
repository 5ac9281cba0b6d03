"""Planted results of `make bench`, as `tools.bench.run.run_stages` returns them."""

from __future__ import annotations

from typing import Any

from tests.tools.bench.shipped.results import make_shipped
from tools.bench.linear import BLOCK_SWEEP_BYTES, CHOSEN, ROW_COUNTS
from tools.bench.plan import ENGINES, PEERS, REPLAY_RATIOS, Geometry
from tools.bench.stats import compute_amdahl

Results = dict[str, Any]

MLP_SHARE = 0.6
GEOMETRIES = ("1024 x 8 layers", "2048 x 8 layers", "7B, one layer")


def make_results(amdahl_share: float = 1.0) -> Results:
    """A run in which every target is met; replay reaches a given share of Amdahl's law."""
    return {
        "machine": {
            "processor": "a processor",
            "cores": 2,
            "memory_gigabytes": 24.0,
            "load_before": 0.1,
            "python": "3.11.7",
            "numpy": "2.4.6",
            "numba": "0.66",
            "blas": "a library",
            "threads": 2,
        },
        "peers": {kind: {"present": True, "version": "1.0", "threads": 2} for kind in PEERS},
        "geometries": [make_geometry(name, amdahl_share) for name in GEOMETRIES],
        "products": {"config": {"hidden_size": 1024}, "milliseconds": make_products()},
        "videos": [
            make_video(engine, batch, ratio)
            for engine in ("numpy-float32", "numba-float32")
            for batch in (1, 16)
            for ratio in (0.0, 0.8)
        ],
        "growth": [
            {
                "kind": kind,
                "engine": "numba-float32",
                "sizes": [8, 16],
                "seconds": [1.0, 2.5],
                "exponent": 1.32,
            }
            for kind in ("frames", "width", "batch")
        ],
        "start": {"options": "--tau 0.2", "first_start_seconds": 20.0, "seconds": 2.5},
        "quantizing": {"seconds": 1.5, "shard_bytes": 4e8, "peak_bytes": 2e7},
        "large": {
            "geometry": "7B",
            "file_bytes": 7.2e9,
            "write_seconds": 20.0,
            "map_seconds": 0.02,
            "private_bytes_after_map": 2e8,
            "first_two_tokens_seconds": 3.0,
            "weight_bytes": 6.6e9,
            "peak_bytes": 7.5e9,
            "private_bytes": 9e8,
            "speeds": [
                {
                    "target_ratio": 0.8,
                    "replay_ratio": 0.8,
                    "tokens_per_second": 8.75,
                    "speed_up": 1.9,
                    "mlp_share": MLP_SHARE,
                    "amdahl": 1.92,
                }
            ],
        },
        "shipped": make_shipped(),
    }


def make_geometry(name: str, amdahl_share: float) -> Results:
    """Two cells, batch 1 and 16, at a context of 2048."""
    return {
        "geometry": vars(Geometry(name, 1024, 2752, 8, 16)),
        "weight_bytes": {},
        "logit_differences": dict.fromkeys((*ENGINES, *PEERS), 0.015),
        "row_milliseconds": {
            name: {str(rows): 2.0 + 0.4 * (rows - 1) for rows in (1, 2, 16)} for name in ENGINES
        },
        "cells": [make_cell(batch, amdahl_share) for batch in (1, 16)],
    }


def make_cell(batch: int, amdahl_share: float) -> Results:
    """The reference engine takes 10 ms, everybody else 50."""
    dense = (*ENGINES, *PEERS)
    return {
        "batch": batch,
        "context": 2048,
        "failed": {},
        "caches": {},
        "cache_bytes": 10**8,
        "gigabytes_per_second": 30.0,
        "rounds": dict.fromkeys(dense, 5),
        "milliseconds": dict.fromkeys(dense, 50.0) | {"numba-int8": 10.0},
        "streaming_share": dict.fromkeys(dense, 0.85),
        "streaming_share_with_cache": 0.95,
        "reference_speed_up": dict.fromkeys(dense, 5.0) | {"numba-int8": 1.0},
        "replay": [
            make_replay(engine, ratio, amdahl_share)
            for engine in ENGINES
            for ratio in REPLAY_RATIOS
        ],
    }


def make_replay(engine: str, ratio: float, amdahl_share: float) -> Results:
    """A replay that reaches a given share of Amdahl's speed-up."""
    law = compute_amdahl(MLP_SHARE, ratio)
    return {
        "engine": engine,
        "target_ratio": ratio,
        "replay_ratio": ratio,
        "mlp_share": MLP_SHARE,
        "speed_up": law * amdahl_share,
        "amdahl": law,
        "amdahl_share": amdahl_share,
        "row_bound": law * 0.9,
    }


def make_video(engine: str, batch: int, ratio: float) -> Results:
    """1,200 tokens per second."""
    return {
        "engine": engine,
        "batch": batch,
        "target_ratio": ratio,
        "tokens": 1024,
        "seconds": 1.0,
        "tokens_per_second": 1200.0,
        "parts": {"attention": 0.4, "mlp": 0.4, "score": 0.05, "other": 0.15},
        "peak_bytes": 2e8,
    }


def make_products() -> Results:
    """Costs of every formulation; the chosen one is the fastest."""
    blocks = [f"blocks of {block_bytes >> 10} KiB" for block_bytes in BLOCK_SWEEP_BYTES]
    names = ["x @ W.T", "W @ x, row by row", *blocks]
    return {
        name: {str(rows): slowness * (2.0 + 0.4 * (rows - 1)) for rows in ROW_COUNTS}
        for name, slowness in zip([CHOSEN, *names], (1.0, *(1.5 for _ in names)), strict=True)
    }
