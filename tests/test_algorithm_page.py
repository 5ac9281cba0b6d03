"""The ten lines of docs/algorithm.md are the algorithm: they give what the reference gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.replay import ReplayConfig, ReplayMLP
from fastcar.reference.scheduler import compute_schedule
from fastcar.reference.temporal_attention_score import (
    HeadAggregation,
    aggregate_heads,
    compute_score_heads,
)
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.weights import make_random_weights
from fastcar.strategies import core_counts, decisions, make_config

PAGE = Path(__file__).parents[1] / "docs" / "algorithm.md"
TOKENS_PER_FRAME, ROWS = 3, 4
DTYPE: np.dtype[np.floating[Any]] = np.dtype(np.float64)


def get_functions(page: str) -> dict[str, Callable[..., Any]]:
    """What the Python blocks of a page define."""
    defined: dict[str, Any] = {"np": np}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(block, defined)
    return defined


FUNCTIONS = get_functions(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["replay_mlp", "deal"])
def test_each_stands_in_ten_lines(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(rf"^def {name}\(.*?^```", text, re.DOTALL | re.MULTILINE)
    assert len(block.splitlines()) - 1 <= 10


@given(decisions(), core_counts())
def test_the_deal_is_the_schedule(computes: BoolArray, num_cores: int) -> None:
    assert FUNCTIONS["deal"](computes, num_cores) == compute_schedule(computes, num_cores).mapping


@given(st.integers(0, 2**16), st.integers(-6, 6))
def test_replay_is_that_of_the_reference(seed: int, tau: int) -> None:
    """Queries and keys are whole numbers and sqrt(d) is 2, so sums are exact in any order."""
    rng = np.random.default_rng(seed)
    config = make_config("multi-head", layers=1)
    weights = make_random_weights(config, rng, np.float64)
    engine = NumpyEngine()
    layer = weights.layers[0]
    gate = TemporalAttentionScoreGate(FixedThresholds([float(tau)]))
    reference = ReplayMLP(config, ReplayConfig(TOKENS_PER_FRAME), gate, ROWS, DTYPE)
    reference.reset()
    cached = np.zeros((ROWS, TOKENS_PER_FRAME, config.hidden_size))

    def compute_mlp(rows: FloatArray) -> FloatArray:
        normed = engine.rms_norm(rows, layer.mlp_norm, config.rms_norm_eps)
        return engine.swiglu(normed, layer)

    heads = ROWS, config.num_attention_heads, config.head_dim
    for token_index in range(3 * TOKENS_PER_FRAME):
        query, key = rng.integers(-3, 4, (2, *heads)).astype(np.float64)
        residual = rng.standard_normal((ROWS, config.hidden_size))
        is_first = token_index < TOKENS_PER_FRAME
        score = aggregate_heads(compute_score_heads(query, key), HeadAggregation.MEAN)
        wanted = reference.run(0, token_index, residual, layer, None if is_first else score)
        place = cached[:, token_index % TOKENS_PER_FRAME]
        given_here = FUNCTIONS["replay_mlp"](
            residual, query, key, place, tau, compute_mlp, is_first
        )
        np.testing.assert_array_equal(given_here[1], wanted.replayed)
        np.testing.assert_array_equal(given_here[0], wanted.output)
