"""Parts of a whole model that do not belong together are refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.model import IntegerModel
from fastcar.strategies import make_config, make_run
from tests.reference.integer.whole.runs import quantize_whole_run

RUN = make_run(3)
MODEL = quantize_whole_run(RUN)


def change_scale(name: str, value: float) -> IntegerModel:
    """The MLP phase with another scale in its last layer."""
    first, last = MODEL.mlp.layers
    changed = replace(last, scales=replace(last.scales, **{name: value}))
    return IntegerModel(RUN.config, (first, changed))


def test_one_scale_holds_everywhere() -> None:
    assert {layer.scales.residual for layer in MODEL.mlp.layers} == {MODEL.residual_scale}
    for layer, one in zip(MODEL.mlp.layers, MODEL.attention, strict=True):
        assert (layer.scales.query, layer.scales.key) == (one.scales.product, 1.0)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"embedding": MODEL.embedding.astype(np.int32)}, r"embedding = 'int32 \(11, 12\)'"),
        ({"embedding": MODEL.embedding[:5]}, r"embedding = 'int16 \(5, 12\)'"),
        ({"attention": MODEL.attention[:1]}, "attention layers = 1: must be num_hidden_layers = 2"),
        ({"mlp": change_scale("residual", 1.0)}, "residual scale = 1.0"),
        ({"mlp": change_scale("query", 1.0)}, r"scales of a decision = \(1.0, 1.0\)"),
        ({"mlp": change_scale("key", 0.5)}, "scales of a decision"),
    ],
)
def test_parts_of_other_models_are_refused(changed: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{text}"):
        replace(MODEL, **changed)


def test_attention_of_other_heads_is_refused() -> None:
    other = quantize_whole_run(make_run(3, make_config("multi-head")))
    with pytest.raises(ArgumentError, match=r"^shapes of attention scales = "):
        replace(MODEL, attention=other.attention)
    with pytest.raises(ArgumentError, match=r"^head = \(8, 12\): must be \(11, 12\)$"):
        replace(MODEL, head=replace(MODEL.head, matrix=other.attention[0].k_proj))
