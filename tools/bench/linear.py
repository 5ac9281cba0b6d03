"""What the MLP of one layer costs by the number of rows, for several ways to multiply.

`fastcar.reference.linear` multiplies row by row over blocks of the matrix. The alternatives show
what that choice costs or gains: one matrix product for all rows (whose bits depend on the batch,
D-05), and one matrix-vector product per row over the whole matrix.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from unittest.mock import patch

import numpy as np

import fastcar.reference.linear
from fastcar.reference.arrays import FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.linear import BLOCK_BYTES, compute_linear
from fastcar.reference.swiglu import compute_silu
from fastcar.reference.weights import LayerWeights, ModelWeights, make_random_weights
from tools.bench.plan import Geometry

Linear = Callable[[FloatArray, FloatArray], FloatArray]

ROW_COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16)
BLOCK_SWEEP_BYTES = tuple(1 << exponent for exponent in range(18, 23))
"""256 KiB to 4 MiB."""
CHOSEN = "compute_linear"
QUICK_SHARE = 0.1


def multiply_at_once(x: FloatArray, weight: FloatArray) -> FloatArray:
    """One matrix product for all rows."""
    product: FloatArray = x @ weight.T
    return product


def multiply_by_rows(x: FloatArray, weight: FloatArray) -> FloatArray:
    """One matrix-vector product per row, each over the whole matrix."""
    return np.stack([weight @ row for row in x])


def make_blocked(block_bytes: int) -> Linear:
    """`compute_linear` with another size of its blocks."""

    def multiply(x: FloatArray, weight: FloatArray) -> FloatArray:
        with patch.object(fastcar.reference.linear, "BLOCK_BYTES", block_bytes):
            return compute_linear(x, weight)

    return multiply


def get_formulations() -> dict[str, Linear]:
    """All ways to multiply, by the names of the report."""
    blocked = {
        f"blocks of {block_bytes >> 10} KiB": make_blocked(block_bytes)
        for block_bytes in BLOCK_SWEEP_BYTES
        if block_bytes != BLOCK_BYTES
    }
    named: dict[str, Linear] = {
        CHOSEN: compute_linear,
        "x @ W.T": multiply_at_once,
        "W @ x, row by row": multiply_by_rows,
    }
    return named | blocked


def run_mlp(multiply: Linear, normed: FloatArray, layer: LayerWeights) -> FloatArray:
    """The MLP of `fastcar.reference.swiglu` with another product."""
    gate, up = multiply(normed, layer.gate_proj), multiply(normed, layer.up_proj)
    return multiply(compute_silu(gate) * up, layer.down_proj)


class ProductsPlayer:
    """Measures the products in a process of its own, with the threads of the other contenders."""

    def measure(self, geometry: dict[str, Any], rounds: int) -> dict[str, Any]:
        """Milliseconds of every formulation at every number of rows, random weights."""
        config = Geometry(**geometry).make_config(max_tokens=1)
        weights = make_random_weights(config, np.random.default_rng(0))
        return {"config": asdict(config), "milliseconds": measure_linear(config, weights, rounds)}


def measure_linear(
    config: ModelConfig, weights: ModelWeights, rounds: int
) -> dict[str, dict[int, float]]:
    """Milliseconds of one layer's MLP: formulation -> rows -> time.

    Every formulation walks all layers in every round, so that the weights come from memory as they
    do in a decode step, and so that a slow moment of the machine meets all alike. The time is the
    quickest tenth: other work on the machine only ever adds.
    """
    rng = np.random.default_rng(0)
    formulations = get_formulations()
    inputs = {
        rows: rng.standard_normal((rows, config.hidden_size)).astype(weights.dtype)
        for rows in ROW_COUNTS
    }
    seconds: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for rows, normed in inputs.items():
            for name, multiply in formulations.items():
                times = seconds.setdefault((name, rows), [])
                for layer in weights.layers:
                    start = time.perf_counter()
                    run_mlp(multiply, normed, layer)
                    times.append(time.perf_counter() - start)
    return {
        name: {
            rows: 1e3 * float(np.quantile(seconds[name, rows], QUICK_SHARE)) for rows in ROW_COUNTS
        }
        for name in formulations
    }
