"""Sizes of a model: what they imply, and what is refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.strategies import make_config
from fastcar.strategies.models import HEADS

SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
)


def change_config(name: str, value: Any) -> ModelConfig:
    sizes: dict[str, Any] = asdict(make_config()) | {name: value}
    return ModelConfig(**sizes)


@pytest.mark.parametrize("kind", sorted(HEADS))
def test_queries_of_a_group_are_all_queries_shared_out(kind: str) -> None:
    config = make_config(kind)
    assert config.queries_per_key * config.num_key_value_heads == config.num_attention_heads


def test_every_size_may_be_one_but_the_head_is_a_pair() -> None:
    config = ModelConfig(1, 1, 1, 1, 1, 1, 2, 1e-300, 1e-300, 1)
    assert not config.tie_word_embeddings


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [0, -1])
def test_refuses_sizes_below_one(name: str, value: int) -> None:
    with pytest.raises(ArgumentError, match=rf"^{name} = {value}: must be at least 1$"):
        change_config(name, value)


@pytest.mark.parametrize("heads", [3, 5, 8])
def test_refuses_key_heads_that_do_not_divide_the_query_heads(heads: int) -> None:
    limit = "a divisor of num_attention_heads = 4"
    with pytest.raises(ArgumentError, match=rf"^num_key_value_heads = {heads}: must be {limit}$"):
        change_config("num_key_value_heads", heads)


def test_refuses_an_odd_head() -> None:
    with pytest.raises(ArgumentError, match=r"^head_dim = 5: must be even$"):
        change_config("head_dim", 5)


@pytest.mark.parametrize("name", ["rms_norm_eps", "rope_theta"])
@pytest.mark.parametrize("value", [0.0, -1e-5, float("inf"), float("nan")])
def test_refuses_constants_that_are_not_finite_and_positive(name: str, value: float) -> None:
    with pytest.raises(ArgumentError, match=rf"^{name} = \S+: must be finite and above 0$"):
        change_config(name, value)
