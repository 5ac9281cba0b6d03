"""Tiny decoders and tokens as the arrays of an instance, and the reference's view of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.conformance.case import Instance
from fastcar.conformance.draws import Draws
from fastcar.reference.arrays import Float
from fastcar.reference.config import ModelConfig
from fastcar.reference.correction import Correction
from fastcar.reference.gates.gate import Gate
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sparse_attention import make_sparse_attention
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.reference.trace import Trace, run_trace
from fastcar.reference.weights import LayerWeights, ModelWeights, get_layer_shapes

PROMPT_TOKENS, TOKENS_PER_FRAME, FRAMES = 4, 3, 5
CONFIG = ModelConfig(11, 12, 20, 2, 4, 2, 4, 1e-5, 100.0, 64)
"""Grouped-query attention; the width of all heads, 16, is not the model width, 12."""
ONE_KEY = ModelConfig(11, 12, 20, 2, 2, 1, 6, 1e-5, 100.0, 64)
"""Multi-query attention."""


def make_model_arrays(config: ModelConfig, seed: int, rows: int = 2) -> dict[str, NDArray[Any]]:
    """Weights and tokens: matrices [out, in] under the names of `ModelWeights`."""
    draws = Draws(seed)
    arrays: dict[str, NDArray[Any]] = {
        "embedding": draws.draw_uniform(-1.7, 1.7, (config.vocab_size, config.hidden_size))
    }
    for index in range(config.num_hidden_layers):
        for name, shape in get_layer_shapes(config).items():
            is_norm = len(shape) == 1
            drawn = draws.draw_uniform(0.5, 1.5, shape) if is_norm else draws.draw_matrix(*shape)
            arrays[f"layers.{index}.{name}"] = drawn
    arrays["norm"] = draws.draw_uniform(0.5, 1.5, (config.hidden_size,))
    arrays["head"] = draws.draw_matrix(config.vocab_size, config.hidden_size)
    steps = TOKENS_PER_FRAME * FRAMES
    arrays["prompt_ids"] = draws.draw_integers(0, config.vocab_size, (rows, PROMPT_TOKENS))
    arrays["forced_ids"] = draws.draw_integers(0, config.vocab_size, (rows, steps))
    arrays["prompt_mask"] = np.ones((rows, PROMPT_TOKENS), bool)
    return arrays


def make_settings(config: ModelConfig, **changed: Any) -> dict[str, Any]:
    """All settings of a decoding instance, with what differs from dense decoding."""
    sizes = {key: value for key, value in asdict(config).items() if key != "rope_scaling"}
    defaults: dict[str, Any] = {
        "tokens_per_frame": TOKENS_PER_FRAME,
        "semantics": "paper",
        "aggregation": "mean",
        "warmup_frames": 1,
        "max_chain": None,
        "window": None,
        "sinks": None,
    }
    return {"config": sizes, **defaults, **changed}


def read_model(instance: Instance, dtype: type[Float]) -> tuple[ModelConfig, ModelWeights]:
    """Sizes and weights in the type of the arithmetic."""
    config, arrays = ModelConfig(**instance.settings["config"]), instance.arrays
    layers = tuple(
        LayerWeights(
            **{
                name: arrays[f"layers.{index}.{name}"].astype(dtype)
                for name in get_layer_shapes(config)
            }
        )
        for index in range(config.num_hidden_layers)
    )
    outer = (arrays[name].astype(dtype) for name in ("embedding", "norm", "head"))
    embedding, norm, head = outer
    return config, ModelWeights(embedding, layers, norm, head)


def read_thresholds(instance: Instance, key: str) -> tuple[float | None, ...]:
    """One per layer; NaN in the file is a layer that never replays."""
    return tuple(None if np.isnan(value) else float(value) for value in instance.arrays[key])


def decode(instance: Instance, gate: Gate | None, dtype: type[Float] = np.float64) -> Trace:
    """What the reference makes of an instance."""
    settings, arrays = instance.settings, instance.arrays
    correction = None
    if "correction_down" in arrays:
        down, up = (arrays[f"correction_{part}"].astype(dtype) for part in ("down", "up"))
        correction = Correction(down, up)
    replay = ReplayConfig(
        settings["tokens_per_frame"],
        Semantics(settings["semantics"]),
        settings["warmup_frames"],
        settings["max_chain"],
        HeadAggregation(settings["aggregation"]),
        correction,
    )
    return run_trace(
        *read_model(instance, dtype),
        arrays["prompt_ids"],
        arrays["forced_ids"],
        replay,
        gate,
        arrays["prompt_mask"],
        make_sparse_attention(settings["window"], settings["sinks"]),
    )
