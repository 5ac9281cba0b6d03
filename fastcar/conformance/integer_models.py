"""Tiny integer decoders as the arrays of an instance, and the reference's view of them.

Weights, multipliers and shifts are drawn, not quantised: nothing depends on how floats are rounded.
Scales are powers of two: what the reference asks for in real numbers are the integers of the file.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.conformance.case import Instance
from fastcar.conformance.draws import Draws
from fastcar.reference.config import ModelConfig
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.integer.layer import IntegerLayer, IntegerMatrix, LayerScales
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.whole.attention import AttentionScales, IntegerAttention
from fastcar.reference.integer.whole.head import IntegerHead
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.rotary import make_integer_rotary_table
from fastcar.reference.tables import EXPONENTIAL_TABLE, RSQRT_TABLE, SILU_TABLE
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.weights import LayerWeights, ModelWeights, get_layer_shapes

PROMPT_TOKENS, TOKENS_PER_FRAME, FRAMES = 4, 3, 4
STEPS = TOKENS_PER_FRAME * FRAMES
EQUAL_HEADS = ModelConfig(11, 8, 12, 2, 2, 2, 4, 1e-5, 100.0, 64)
SHARED_KEYS = ModelConfig(11, 8, 12, 2, 4, 2, 4, 1e-5, 100.0, 64)
"""Two query heads for each key head."""

SHIFTS = {
    "q_proj": 23,
    "k_proj": 22,
    "v_proj": 30,
    "o_proj": 26,
    "gate_proj": 24,
    "up_proj": 23,
    "down_proj": 25,
    "head": 23,
}
"""With these, and multipliers of 16 bits, numbers use their range and seldom leave it."""
RESIDUAL_SCALE, NORMED_SCALE, PRODUCT_SCALE, LOGIT_SCALE = 2.0**-8, 2.0**-12, 2.0**-20, 2.0**-6
"""The reference asks for them; no integer depends on them."""


def make_arrays(config: ModelConfig, seed: int, is_large: bool) -> dict[str, NDArray[Any]]:
    """Weights, tables, prompt and noise of two rows; large numbers saturate."""
    draws, rows, width = Draws(seed), 2, config.hidden_size
    table = make_integer_rotary_table(config, PROMPT_TOKENS + STEPS)
    largest = 32_767 if is_large else 7_000
    arrays: dict[str, NDArray[Any]] = {
        "embedding": _draw_int16(draws, largest, (config.vocab_size, width)),
        "cos": table.cos,
        "sin": table.sin,
        "rsqrt_table": np.array(RSQRT_TABLE, np.int32),
        "silu_table": np.array(SILU_TABLE, np.int32),
        "exponential_table": np.array(EXPONENTIAL_TABLE, np.int32),
    }
    for index in range(config.num_hidden_layers):
        for name, shape in get_layer_shapes(config).items():
            arrays |= _draw_part(draws, f"layers.{index}.{name}", shape)
    arrays |= _draw_part(draws, "norm", (width,))
    arrays |= _draw_part(draws, "head", (config.vocab_size, width))
    arrays["prompt_ids"] = draws.draw_integers(0, config.vocab_size, (rows, PROMPT_TOKENS))
    arrays["prompt_mask"] = np.ones((rows, PROMPT_TOKENS), bool)
    arrays["noise"] = _draw_int16(draws, largest, (STEPS + 1, rows, config.vocab_size))
    return arrays


def _draw_int16(draws: Draws, largest: int, shape: tuple[int, ...]) -> NDArray[np.int16]:
    return draws.draw_integers(-largest, largest + 1, shape).astype(np.int16)


def _draw_part(draws: Draws, name: str, shape: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    """Gains of a norm, or weights and multipliers of a matrix."""
    if len(shape) == 1:
        return {name: draws.draw_integers(8_000, 32_768, shape).astype(np.int16)}
    multipliers = draws.draw_integers(20_000, 65_536, shape[:1])
    return {
        f"{name}.weights": draws.draw_integers(-127, 128, shape).astype(np.int8),
        f"{name}.multipliers": multipliers.astype(np.uint16),
    }


def make_constants(config: ModelConfig, is_large: bool) -> dict[str, Any]:
    """Every number that is not an array; `layers` has one object for each."""
    less = 2 if is_large else 0
    layers = [
        {
            "attention_epsilon": 5 + index,
            "mlp_epsilon": 7 + index,
            "logit_multiplier": 40_000,
            "logit_shift": 26 - 4 * less,
            "gate_shift": 1 + less,
            "hidden_multiplier": 40_000,
            "hidden_shift": 32 - less,
            **{f"{name}_shift": shift - less for name, shift in SHIFTS.items() if name != "head"},
        }
        for index in range(config.num_hidden_layers)
    ]
    return {"layers": layers, "head_epsilon": 9, "head_shift": SHIFTS["head"] - less}


def read_whole_model(instance: Instance) -> tuple[ModelConfig, WholeModel]:
    """Sizes and integer constants."""
    settings, arrays = instance.settings, instance.arrays
    config = ModelConfig(**settings["config"])
    numbers = settings["layers"]
    mlp = tuple(_read_mlp(arrays, one, index) for index, one in enumerate(numbers))
    attention = tuple(
        _read_attention(config, arrays, one, index) for index, one in enumerate(numbers)
    )
    matrix = _read_matrix(arrays, "head", settings["head_shift"])
    head = IntegerHead(arrays["norm"], settings["head_epsilon"], matrix, LOGIT_SCALE)
    return config, WholeModel(arrays["embedding"], attention, IntegerModel(config, mlp), head)


def _read_matrix(arrays: Any, name: str, shift: int) -> IntegerMatrix:
    return IntegerMatrix(arrays[f"{name}.weights"], arrays[f"{name}.multipliers"], shift)


def _read_mlp(arrays: Any, numbers: dict[str, Any], index: int) -> IntegerLayer:
    matrices = {
        name: _read_matrix(arrays, f"layers.{index}.{name}", numbers[f"{name}_shift"])
        for name in ("gate_proj", "up_proj", "down_proj")
    }
    scales = LayerScales(RESIDUAL_SCALE, NORMED_SCALE, 1.0, 1.0, PRODUCT_SCALE, 1.0)
    return IntegerLayer(
        gains=arrays[f"layers.{index}.mlp_norm"],
        epsilon=numbers["mlp_epsilon"],
        gate_shift=numbers["gate_shift"],
        hidden_multiplier=numbers["hidden_multiplier"],
        hidden_shift=numbers["hidden_shift"],
        scales=scales,
        **matrices,
    )


def _read_attention(
    config: ModelConfig, arrays: Any, numbers: dict[str, Any], index: int
) -> IntegerAttention:
    matrices = {
        name: _read_matrix(arrays, f"layers.{index}.{name}", numbers[f"{name}_shift"])
        for name in ("q_proj", "k_proj", "v_proj", "o_proj")
    }
    heads, key_heads = config.num_attention_heads, config.num_key_value_heads
    pairs = config.head_dim // 2
    return IntegerAttention(
        gains=arrays[f"layers.{index}.attention_norm"],
        epsilon=numbers["attention_epsilon"],
        logit_multiplier=numbers["logit_multiplier"],
        logit_shift=numbers["logit_shift"],
        scales=AttentionScales(
            np.full((heads, pairs), PRODUCT_SCALE),
            np.ones((key_heads, pairs)),
            np.ones(key_heads),
            PRODUCT_SCALE,
        ),
        **matrices,
    )


def make_blank_weights(config: ModelConfig) -> ModelWeights:
    """Floats that the integer decoder asks for and does not compute with."""
    layer = {name: np.zeros(shape) for name, shape in get_layer_shapes(config).items()}
    layers = (LayerWeights(**layer),) * config.num_hidden_layers
    table = np.zeros((config.vocab_size, config.hidden_size))
    return ModelWeights(table, layers, np.zeros(config.hidden_size), table)


def make_gate(instance: Instance, config: ModelConfig) -> Gate | None:
    """The gate whose integer thresholds are those of the settings; None if no layer has one."""
    thresholds = instance.settings["thresholds"]
    if all(threshold is None for threshold in thresholds):
        return None
    if DecisionSource(instance.settings["decided_by"]) is DecisionSource.DISTANCE:
        deltas = (_choose_delta(threshold) for threshold in thresholds)
        return InputGate(FixedThresholds(tuple(deltas)))
    step = PRODUCT_SCALE / (math.sqrt(config.head_dim) * config.num_attention_heads)
    values = tuple(None if one is None else one * step for one in thresholds)
    return TemporalAttentionScoreGate(FixedThresholds(values))


def _choose_delta(threshold: int | None) -> float | None:
    """The real number halfway between an integer distance and the next one, which it rounds to."""
    return None if threshold is None else NORMED_SCALE * math.sqrt(threshold + 0.5)
