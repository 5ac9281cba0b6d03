"""From a float checkpoint to the integer constants of the accelerator.

A teacher-forced float run over a few clips records the largest magnitude of every activation; with
some headroom these give the scales. Weights, gains and multipliers follow from the checkpoint
alone (docs/accelerator.md, section 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray, Int16Array, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION, TIE_WINDOW
from fastcar.reference.integer.layer import IntegerLayer, IntegerMatrix, LayerScales
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.units import (
    GATE_FRACTION_BITS,
    MAX_GATE_SHIFT,
    MAX_MULTIPLIER,
    MAX_SHIFT,
    MAX_WEIGHT,
)
from fastcar.reference.observation import LayerObservation
from fastcar.reference.progress import Progress
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_activations
from fastcar.reference.tables import SILU_FRACTION_BITS
from fastcar.reference.teacher_forcing import feed_tokens
from fastcar.reference.weights import LayerWeights, ModelWeights

DEFAULT_HEADROOM = 1.25
"""Room above the largest magnitude of the calibration run."""


@dataclass
class LayerRanges:
    """Largest magnitudes that one layer showed, floats.

    Attributes:
        residual: of the residual stream before and after the MLP.
        gate: of the gate projection.
        up: of the up projection.
        hidden: of silu(gate) * up.
        query: of queries as the score takes them.
        key: of cached keys.
    """

    residual: float = 0.0
    gate: float = 0.0
    up: float = 0.0
    hidden: float = 0.0
    query: float = 0.0
    key: float = 0.0

    def cover(self, name: str, x: FloatArray) -> None:
        """Widen one range."""
        setattr(self, name, max(getattr(self, name), float(np.abs(x).max(initial=0.0))))


def quantize_checkpoint(
    config: ModelConfig,
    weights: ModelWeights,
    prompt_ids: TokenIds,
    token_ids: TokenIds,
    *,
    semantics: Semantics = Semantics.PAPER,
    headroom: float = DEFAULT_HEADROOM,
    progress: Progress | None = None,
) -> IntegerModel:
    """Quantise a checkpoint with scales from a teacher-forced run of a few clips.

    Args:
        config: sizes.
        weights: float32 or float64.
        prompt_ids: [B, P] int64.
        token_ids: [B, S] int64, at least one: the tokens behind the prompts.
        semantics: which queries the score takes.
        headroom: at least 1; the largest activation of the run stands that far from saturation.
        progress: called after every token.
    """
    ranges = calibrate_ranges(config, weights, prompt_ids, token_ids, semantics, progress)
    return quantize_model(config, weights, ranges, headroom)


def calibrate_ranges(
    config: ModelConfig,
    weights: ModelWeights,
    prompt_ids: TokenIds,
    token_ids: TokenIds,
    semantics: Semantics = Semantics.PAPER,
    progress: Progress | None = None,
) -> tuple[LayerRanges, ...]:
    """Ranges of all layers over a dense teacher-forced run; arguments as above."""
    if token_ids.ndim != 2 or len(token_ids) != len(prompt_ids) or not token_ids.shape[1]:
        limit = f"[{len(prompt_ids)} rows, at least 1 token]"
        raise ArgumentError("token_ids shape", token_ids.shape, limit)
    capacity = prompt_ids.shape[1] + token_ids.shape[1]
    decoder = Decoder(
        config,
        weights,
        rows=len(prompt_ids),
        capacity_tokens=capacity,
        replay=ReplayConfig(1, semantics),
    )
    ranges = tuple(LayerRanges() for _ in weights.layers)

    def observe(seen: LayerObservation) -> None:
        layer = weights.layers[seen.layer_index]
        widest = ranges[seen.layer_index]
        before = seen.layer_out - seen.decision.output  # up to rounding: the headroom covers it
        activations = compute_activations(
            compute_rms_norm(before, layer.mlp_norm, config.rms_norm_eps), layer
        )
        widest.cover("residual", before)
        widest.cover("residual", seen.layer_out)
        widest.cover("query", seen.query)
        for name in ("gate", "up", "hidden"):
            widest.cover(name, getattr(activations, name))

    for fed, _ in enumerate(feed_tokens(decoder, prompt_ids, token_ids, observe)):
        if progress is not None:
            progress(fed, token_ids.shape[1])
    for widest, keys in zip(ranges, decoder.kv_cache.keys, strict=True):
        widest.cover("key", keys[:, :, prompt_ids.shape[1] : capacity])
    return ranges


def quantize_model(
    config: ModelConfig,
    weights: ModelWeights,
    ranges: Sequence[LayerRanges],
    headroom: float = DEFAULT_HEADROOM,
    progress: Progress | None = None,
) -> IntegerModel:
    """Integer constants of all layers from given ranges."""
    if not 1 <= headroom < math.inf:
        raise ArgumentError("headroom", headroom, "finite and at least 1")
    layers = tuple(
        quantize_layer(layer, widest, config.rms_norm_eps, headroom, f" of layer {index}")
        for index, (layer, widest) in enumerate(zip(weights.layers, ranges, strict=True))
    )
    return IntegerModel(config, layers)


def quantize_layer(
    layer: LayerWeights,
    ranges: LayerRanges,
    rms_norm_eps: float,
    headroom: float,
    place: str = "",
) -> IntegerLayer:
    """Integer constants of one layer, which a refusal calls by its place.

    A gate beyond 128 saturates there: silu is linear so far out, and no larger gate has bits left.
    """
    gains, normed_scale = quantize_gains(layer.mlp_norm)
    steps = {
        name: (getattr(ranges, name) * headroom or 1.0) / MAX_ACTIVATION
        for name in ("residual", "up", "hidden", "query", "key")
    }
    scales = LayerScales(normed=normed_scale, **steps)
    gate_shift = choose_gate_shift(ranges.gate * headroom)
    gate_step = 2.0 ** (gate_shift - GATE_FRACTION_BITS)
    silu_step = 2.0**-SILU_FRACTION_BITS
    hidden_multipliers, hidden_shift = choose_multipliers(
        np.array([silu_step * scales.up / scales.hidden]), f"hidden{place}"
    )
    return IntegerLayer(
        gains=gains,
        epsilon=compute_epsilon(rms_norm_eps, len(gains), scales.residual),
        gate_proj=quantize_matrix(layer.gate_proj, scales.normed / gate_step, f"gate_proj{place}"),
        up_proj=quantize_matrix(layer.up_proj, scales.normed / scales.up, f"up_proj{place}"),
        down_proj=quantize_matrix(
            layer.down_proj, scales.hidden / scales.residual, f"down_proj{place}"
        ),
        gate_shift=gate_shift,
        hidden_multiplier=int(hidden_multipliers[0]),
        hidden_shift=hidden_shift,
        scales=scales,
    )


def quantize_gains(norm: FloatArray) -> tuple[Int16Array, float]:
    """Gains of a norm [D] as int16, and the scale s_n of what it gives."""
    largest = float(np.abs(norm).max()) or 1.0
    scale = math.sqrt(len(norm)) * largest / MAX_ACTIVATION
    return round_ratio(norm, largest, MAX_ACTIVATION).astype(np.int16), scale


def compute_epsilon(rms_norm_eps: float, width: int, residual_scale: float) -> int:
    """E = max(1, round(eps D / s_x^2)): eps in units of the sum of squares."""
    exact = Fraction(rms_norm_eps) * width / Fraction(residual_scale) ** 2
    return max(1, round_half_up(exact))


def choose_gate_shift(largest_gate: float) -> int:
    """Smallest gate_shift whose format, 16 * 2^gate_shift wide on both sides, holds the gate.

    >>> [choose_gate_shift(gate) for gate in (0.0, 15.9, 16.1, 100.0, 1e9)]
    [0, 0, 1, 3, 3]
    """
    for gate_shift in range(MAX_GATE_SHIFT):
        if largest_gate <= MAX_ACTIVATION * 2.0 ** (gate_shift - GATE_FRACTION_BITS):
            return gate_shift
    return MAX_GATE_SHIFT


def quantize_matrix(
    weight: FloatArray, ratio: float | NDArray[np.float64], name: str = "a requantisation"
) -> IntegerMatrix:
    """Int8 weights with one scale per row, and the multipliers of its sums.

    Args:
        weight: [out, in], finite.
        ratio: scale of the inputs over scale of the outputs, one or one per output [out].
        name: of the matrix, for a refusal.
    """
    largest = np.abs(weight.astype(np.float64)).max(axis=1)  # [out]
    multipliers, shift = choose_multipliers(largest / MAX_WEIGHT * ratio, name)
    divisors = np.where(largest == 0, 1.0, largest)[:, None]  # a row of zeros stays one
    return IntegerMatrix(
        round_ratio(weight, divisors, MAX_WEIGHT).astype(np.int8), multipliers, shift
    )


def choose_multipliers(
    factors: NDArray[np.float64], name: str = "a requantisation"
) -> tuple[NDArray[np.uint16], int]:
    """Multipliers and their one shift, the largest with which none exceeds 65,535.

    Args:
        factors: [out], at least 0; multiplier 2^-shift is near each.
        name: of what is requantised, for a refusal.

    Raises:
        ArgumentError: a factor above 65,535.

    >>> choose_multipliers(np.array([0.75, 0.1]))
    (array([49152,  6554], dtype=uint16), 16)
    """
    largest = float(factors.max())
    if not 0 <= largest < MAX_MULTIPLIER:
        raise ArgumentError(f"factor of {name}", largest, f"below {MAX_MULTIPLIER}")
    shift = MAX_SHIFT
    while math.floor(math.ldexp(largest, shift) + 0.5) > MAX_MULTIPLIER:
        shift -= 1
    return np.floor(np.ldexp(factors, shift) + 0.5).astype(np.uint16), shift


def round_ratio(
    x: FloatArray, largest: float | NDArray[np.float64], num_steps: int
) -> NDArray[np.float64]:
    """round(num_steps * x / largest), ties upwards, exact to the tie.

    Args:
        x: any shape.
        largest: above 0, broadcast against x, at least |x|.
        num_steps: result for x = largest.

    >>> round_ratio(np.array([-2.0, -0.5, 0.5]), 2.0, num_steps=2).tolist()
    [-2.0, 0.0, 1.0]
    """
    divisor = np.broadcast_to(np.asarray(largest, np.float64), x.shape)
    quotient = x.astype(np.float64) / divisor * num_steps
    nearest = np.floor(quotient + 0.5)
    is_near_tie = np.abs(quotient - np.floor(quotient) - 0.5) < TIE_WINDOW
    for place in zip(*np.nonzero(is_near_tie), strict=True):
        exact = Fraction(float(x[place])) * num_steps / Fraction(float(divisor[place]))
        nearest[place] = round_half_up(exact)
    rounded: NDArray[np.float64] = nearest
    return rounded


def round_half_up(exact: Fraction) -> int:
    """floor(z + 1/2) of a fraction."""
    return math.floor(exact + Fraction(1, 2))
