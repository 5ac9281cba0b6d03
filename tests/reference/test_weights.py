"""Random weights: shapes, types, scale and reproducibility."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.weights import get_layer_shapes, make_random_weights
from fastcar.strategies import make_config
from fastcar.strategies.models import HEADS


@given(st.sampled_from(sorted(HEADS)), st.integers(1, 3), st.booleans(), st.booleans())
def test_every_array_has_its_shape_and_type(
    kind: str, layers: int, is_tied: bool, is_single: bool
) -> None:
    config = replace(make_config(kind, layers), tie_word_embeddings=is_tied)
    dtype = np.float32 if is_single else np.float64
    weights = make_random_weights(config, np.random.default_rng(0), dtype)
    assert weights.dtype == weights.norm.dtype == weights.head.dtype == dtype
    assert weights.embedding.shape == weights.head.shape == (config.vocab_size, config.hidden_size)
    assert weights.norm.shape == (config.hidden_size,)
    assert len(weights.layers) == layers
    assert (weights.head is weights.embedding) == is_tied
    for layer in weights.layers:
        for name, shape in get_layer_shapes(config).items():
            assert getattr(layer, name).shape == shape
            assert getattr(layer, name).dtype == dtype


def test_shapes_name_every_field_with_outputs_first() -> None:
    config = ModelConfig(11, 12, 20, 1, 4, 2, 6, 1e-5, 100.0, 64)
    assert get_layer_shapes(config) == {
        "attention_norm": (12,),
        "q_proj": (24, 12),
        "k_proj": (12, 12),
        "v_proj": (12, 12),
        "o_proj": (12, 24),
        "mlp_norm": (12,),
        "gate_proj": (20, 12),
        "up_proj": (20, 12),
        "down_proj": (12, 20),
    }


def test_equal_seeds_give_equal_weights_and_types_differ_by_rounding_only() -> None:
    config = make_config()
    single = make_random_weights(config, np.random.default_rng(3))
    again = make_random_weights(config, np.random.default_rng(3))
    other = make_random_weights(config, np.random.default_rng(4))
    double = make_random_weights(config, np.random.default_rng(3), np.float64)
    assert np.array_equal(single.layers[1].q_proj, again.layers[1].q_proj)
    assert not np.array_equal(single.layers[1].q_proj, other.layers[1].q_proj)
    assert np.allclose(single.layers[1].q_proj, double.layers[1].q_proj, rtol=1e-6, atol=0)


def test_products_keep_unit_scale() -> None:
    config = replace(make_config(), hidden_size=256, intermediate_size=400)
    layer = make_random_weights(config, np.random.default_rng(0)).layers[0]
    x = np.random.default_rng(1).standard_normal((64, 256))
    # The mean square of 64 x 400 products; its standard deviation is under 2 percent.
    assert abs(float(np.mean((x @ layer.gate_proj.T) ** 2)) - 1) < 0.1
    assert 0.5 <= layer.mlp_norm.min() <= layer.mlp_norm.max() <= 1.5


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.longdouble])
def test_refuses_other_types(dtype: Any) -> None:
    message = r"^dtype = <class 'numpy\.\w+'>: must be np\.float32 or np\.float64$"
    with pytest.raises(ArgumentError, match=message):
        make_random_weights(make_config(), np.random.default_rng(0), dtype)
