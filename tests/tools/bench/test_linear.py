from __future__ import annotations

import numpy as np
import pytest

import fastcar.reference.linear
from fastcar.reference.config import ModelConfig
from fastcar.reference.linear import BLOCK_BYTES
from fastcar.reference.swiglu import compute_swiglu
from fastcar.reference.weights import make_random_weights
from tools.bench.linear import (
    CHOSEN,
    ROW_COUNTS,
    get_formulations,
    make_blocked,
    measure_linear,
    run_mlp,
)

CONFIG = ModelConfig(32, 64, 96, 2, 2, 2, 32, 1e-5, 10000.0, 64)
WEIGHTS = make_random_weights(CONFIG, np.random.default_rng(0))


@pytest.mark.parametrize("name", get_formulations())
def test_every_formulation_is_the_mlp(name: str) -> None:
    normed = np.random.default_rng(1).standard_normal((5, CONFIG.hidden_size)).astype(np.float32)
    layer = WEIGHTS.layers[0]
    found = run_mlp(get_formulations()[name], normed, layer)
    np.testing.assert_allclose(found, compute_swiglu(normed, layer), rtol=0, atol=1e-5)
    if name == CHOSEN:
        assert (found == compute_swiglu(normed, layer)).all()


def test_another_size_of_blocks_is_used_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []

    def spy(x: object, weight: object) -> object:
        used.append(fastcar.reference.linear.BLOCK_BYTES)
        return x

    monkeypatch.setattr("tools.bench.linear.compute_linear", spy)
    make_blocked(4096)(np.zeros((1, 2), np.float32), np.zeros((2, 2), np.float32))
    assert used == [4096]
    assert fastcar.reference.linear.BLOCK_BYTES == BLOCK_BYTES


def test_every_formulation_is_timed_at_every_number_of_rows() -> None:
    milliseconds = measure_linear(CONFIG, WEIGHTS, rounds=1)
    assert set(milliseconds) == set(get_formulations())
    for costs in milliseconds.values():
        assert tuple(costs) == ROW_COUNTS
        assert all(cost > 0 for cost in costs.values())
