"""Ranges cover prompt and tokens, before and after rotary embedding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastcar.reference.integer.quantization import calibrate_ranges
from fastcar.reference.integer.whole.ranges import calibrate_whole_ranges
from fastcar.reference.rope_scaling import YarnScaling
from fastcar.reference.weights import LayerWeights, ModelWeights
from fastcar.strategies import Run, make_config, make_run
from tests.reference.runs import decode


def get_norms(x: NDArray[Any]) -> NDArray[np.float64]:
    """Norms of pairs, [..., d / 2]."""
    first, second = np.split(x.astype(np.float64), 2, axis=-1)
    norms: NDArray[np.float64] = np.hypot(first, second)
    return norms


def make_yarn_run() -> Run:
    """A run whose rotary table has an attention factor."""
    scaling = YarnScaling(4.0, 16, 1.3, 32.0, 1.0, truncate=True)
    return make_run(3, replace(make_config(), rope_scaling=scaling), dtype=np.float64)


@pytest.mark.parametrize("run", [make_run(3, dtype=np.float64), make_yarn_run()])
def test_pairs_and_values_are_those_of_cache_and_observations(run: Run) -> None:
    found = calibrate_whole_ranges(run.config, run.weights, run.prompt_ids, run.forced_ids)
    decoded = decode(run)
    for layer_index, widest in enumerate(found.attention):
        keys, values = decoded.keys[layer_index], decoded.values[layer_index]
        assert np.allclose(widest.key, get_norms(keys).max(axis=(0, 2)), rtol=1e-12)
        assert np.allclose(widest.value, np.abs(values).max(axis=(0, 2, 3)), rtol=1e-12)
        queries = np.array(
            [seen.query for seen in decoded.observations if seen.layer_index == layer_index]
        )
        behind = get_norms(queries).max(axis=(0, 1))
        assert (widest.query >= behind * (1 - 1e-12)).all()  # those of the prompt, too
        assert (widest.query <= 4 * behind).all()


def test_mlp_ranges_are_those_of_tokens_and_prompt() -> None:
    run = make_run(3, dtype=np.float64)
    behind = calibrate_ranges(run.config, run.weights, run.prompt_ids, run.forced_ids)
    found = calibrate_whole_ranges(run.config, run.weights, run.prompt_ids, run.forced_ids)
    for one, two in zip(behind, found.mlp, strict=True):
        for name in ("gate", "up", "hidden"):
            assert getattr(one, name) <= getattr(two, name) * (1 + 1e-9)
    assert found.residual >= max(one.residual for one in behind) * (1 - 1e-9)
    decoded = decode(run)
    logits = max(np.abs(decoded.logits).max(), np.abs(decoded.prefill_logits).max())
    assert np.isclose(found.logits, logits, rtol=1e-12)


def test_residual_covers_embeddings_that_no_token_has() -> None:
    run = make_run(3)
    weights = run.weights
    table = weights.embedding.copy()
    fed = set(run.prompt_ids.ravel()) | set(run.forced_ids.ravel())
    unseen = next(token for token in range(run.config.vocab_size) if token not in fed)
    table[unseen] = 1000.0
    changed = ModelWeights(table, weights.layers, weights.norm, weights.head)
    found = calibrate_whole_ranges(run.config, changed, run.prompt_ids, run.forced_ids)
    assert found.residual == 1000.0


def test_residual_covers_what_attention_adds() -> None:
    run = make_run(3, make_config(layers=1))
    layer = run.weights.layers[0]
    before = calibrate_whole_ranges(run.config, run.weights, run.prompt_ids, run.forced_ids)
    scaled = LayerWeights(**(vars(layer) | {"o_proj": layer.o_proj * 100}))
    changed = ModelWeights(run.weights.embedding, (scaled,), run.weights.norm, run.weights.head)
    found = calibrate_whole_ranges(run.config, changed, run.prompt_ids, run.forced_ids)
    assert found.residual > 10 * before.residual
