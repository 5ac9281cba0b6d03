"""From a float checkpoint to the integer constants of a whole decoder.

Source: ours (D-46). Scales of keys stand per head and rotary pair, those of queries follow from
them, so that every product of query and key in a layer has the one scale c. The attention factor
of YaRN is part of W_q and W_k, the scales of values are part of the columns of W_o.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION, quantize
from fastcar.reference.integer.layer import IntegerMatrix
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.quantization import (
    DEFAULT_HEADROOM,
    choose_multipliers,
    compute_epsilon,
    quantize_gains,
    quantize_matrix,
    quantize_model,
)
from fastcar.reference.integer.whole.attention import AttentionScales, IntegerAttention
from fastcar.reference.integer.whole.context import CONTEXT_FRACTION_BITS
from fastcar.reference.integer.whole.head import IntegerHead
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.ranges import (
    AttentionRanges,
    WholeRanges,
    calibrate_whole_ranges,
)
from fastcar.reference.integer.whole.rotary import MAX_CACHED
from fastcar.reference.integer.whole.scores import (
    LOGIT_FRACTION_BITS,
    MAX_LOGIT,
    check_logit_range,
)
from fastcar.reference.progress import Progress
from fastcar.reference.rotary import get_attention_factor
from fastcar.reference.weights import LayerWeights, ModelWeights

CACHE_HEADROOM = 1.1
"""Room above keys and values of the calibration run: int8 has no more to spare."""


def quantize_whole_checkpoint(
    config: ModelConfig,
    weights: ModelWeights,
    prompt_ids: TokenIds,
    token_ids: TokenIds,
    *,
    headroom: float = DEFAULT_HEADROOM,
    progress: Progress | None = None,
) -> WholeModel:
    """Quantise a checkpoint with scales from a teacher-forced float run of a few clips.

    Args:
        config: sizes.
        weights: float32 or float64.
        prompt_ids: [B, P] int64.
        token_ids: [B, S] int64, the tokens behind the prompts.
        headroom: at least 1, of everything but keys and values.
        progress: called after every token.

    Raises:
        ArgumentError: a layer's logits could leave their 24 bits, or sizes that sums do not hold.
    """
    ranges = calibrate_whole_ranges(config, weights, prompt_ids, token_ids, progress)
    return quantize_whole_model(config, weights, ranges, headroom)


def quantize_whole_model(
    config: ModelConfig,
    weights: ModelWeights,
    ranges: WholeRanges,
    headroom: float = DEFAULT_HEADROOM,
) -> WholeModel:
    """Integer constants of a whole decoder from given ranges."""
    common = [replace(widest, residual=ranges.residual) for widest in ranges.mlp]
    mlp = quantize_model(config, weights, common, headroom)
    residual_scale = mlp.layers[0].scales.residual
    attention = tuple(
        quantize_attention(layer, widest, config, residual_scale, headroom, f"layer {index}")
        for index, (layer, widest) in enumerate(zip(weights.layers, ranges.attention, strict=True))
    )
    deciding = tuple(
        replace(layer, scales=replace(layer.scales, query=one.scales.product, key=1.0))
        for layer, one in zip(mlp.layers, attention, strict=True)
    )
    return WholeModel(
        quantize(weights.embedding, residual_scale),
        attention,
        IntegerModel(config, deciding),
        quantize_head(config, weights, ranges.logits * headroom, residual_scale),
    )


def quantize_head(
    config: ModelConfig, weights: ModelWeights, largest_logit: float, residual_scale: float
) -> IntegerHead:
    """Final norm and head; a tied head is quantised as any other."""
    gains, normed_scale = quantize_gains(weights.norm)
    scale = (largest_logit or 1.0) / MAX_ACTIVATION
    return IntegerHead(
        gains=gains,
        epsilon=compute_epsilon(config.rms_norm_eps, config.hidden_size, residual_scale),
        matrix=quantize_matrix(weights.head, normed_scale / scale, "head"),
        scale=scale,
    )


def quantize_attention(
    layer: LayerWeights,
    ranges: AttentionRanges,
    config: ModelConfig,
    residual_scale: float,
    headroom: float,
    name: str,
) -> IntegerAttention:
    """Integer constants of one layer's attention; refusals call it by its name.

    Raises:
        ArgumentError: the logits could leave their 24 bits, or a matrix its multipliers.
    """
    gains, normed_scale = quantize_gains(layer.attention_norm)
    scales = choose_attention_scales(ranges, headroom)
    logit_multiplier, logit_shift = choose_logit_factor(
        f"logits of {name}", scales.product, config.head_dim
    )
    key_step = scales.key * MAX_CACHED / MAX_ACTIVATION  # of the int16 key before ROPE
    per_value = np.repeat(scales.value, config.head_dim)  # [H_kv d]
    factor = get_attention_factor(config)

    def quantize_projection(
        matrix: str, steps: NDArray[np.float64], factor: float = 1.0
    ) -> IntegerMatrix:
        weight = getattr(layer, matrix)
        scaled = weight if factor == 1 else weight.astype(np.float64) * factor
        return quantize_matrix(scaled, normed_scale / steps, f"{matrix} of {name}")

    return IntegerAttention(
        gains=gains,
        epsilon=compute_epsilon(config.rms_norm_eps, config.hidden_size, residual_scale),
        q_proj=quantize_projection("q_proj", _repeat_pairs(scales.query), factor),
        k_proj=quantize_projection("k_proj", _repeat_pairs(key_step), factor),
        v_proj=quantize_projection("v_proj", per_value),
        o_proj=_fold_values(
            layer.o_proj, scales.value, config, residual_scale, f"o_proj of {name}"
        ),
        logit_multiplier=logit_multiplier,
        logit_shift=logit_shift,
        scales=scales,
    )


def choose_attention_scales(ranges: AttentionRanges, headroom: float) -> AttentionScales:
    """Scales with which nothing of the calibration run saturates, whatever the position.

    A key's scale holds the norm of its pair. c is the smallest with which every query pair holds,
    too; the scale of a query is c over that of the key it meets.
    """
    key = _fill_zeros(ranges.key) * CACHE_HEADROOM / MAX_CACHED  # [H_kv, d / 2]
    value = _fill_zeros(ranges.value) * CACHE_HEADROOM / MAX_CACHED  # [H_kv]
    met = np.repeat(key, len(ranges.query) // len(key), axis=0)  # [H, d / 2]
    largest = float((met * ranges.query).max()) or 1.0
    product = largest * headroom / MAX_ACTIVATION
    return AttentionScales(product / met, key, value, product)


def choose_logit_factor(name: str, product_scale: float, head_dim: int) -> tuple[int, int]:
    """Multiplier and shift from an accumulator to octaves: c log2(e) 2^8 / sqrt(d).

    Raises:
        ArgumentError: some integers would give a logit beyond 24 bits.
    """
    factor = product_scale * math.log2(math.e) * 2**LOGIT_FRACTION_BITS / math.sqrt(head_dim)
    largest = factor * head_dim * MAX_ACTIVATION * MAX_CACHED
    if not largest <= MAX_LOGIT:
        octaves = float(largest) / 2**LOGIT_FRACTION_BITS
        limit = f"at most {(MAX_LOGIT + 1) >> LOGIT_FRACTION_BITS} octaves"
        raise ArgumentError(f"largest of {name}", round(octaves, 1), limit)
    multipliers, shift = choose_multipliers(np.array([factor]))
    check_logit_range(name, head_dim, int(multipliers[0]), shift)
    return int(multipliers[0]), shift


def _fold_values(
    weight: FloatArray,
    value_scales: NDArray[np.float64],
    config: ModelConfig,
    residual_scale: float,
    name: str,
) -> IntegerMatrix:
    """W_o with the scales of the values in its columns: context head h is of value head h // G."""
    per_head = np.repeat(value_scales, config.queries_per_key)
    largest = float(value_scales.max())
    columns = np.repeat(per_head / largest, config.head_dim)  # [H d]
    ratio = largest / 2**CONTEXT_FRACTION_BITS / residual_scale
    return quantize_matrix(weight.astype(np.float64) * columns, ratio, name)


def _repeat_pairs(per_pair: NDArray[np.float64]) -> NDArray[np.float64]:
    """[heads, d / 2] to [heads * d]: elements i and i + d / 2 of a head belong together."""
    return np.concatenate([per_pair, per_pair], axis=1).ravel()


def _fill_zeros(ranges: NDArray[np.float64]) -> NDArray[np.float64]:
    """What never showed anything is as wide as the widest, or 1."""
    return np.where(ranges == 0, float(ranges.max()) or 1.0, ranges)
