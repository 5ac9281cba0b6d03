"""Which gates integers decide, and the integer thresholds that decide exactly as they do."""

from __future__ import annotations

import math
from fractions import Fraction

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate, ThresholdGate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.planned import PeriodicGate, RandomGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.integer.fixed_point import check_scale, compute_integer_threshold
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.units import MAX_ACCUMULATOR
from fastcar.reference.thresholds import FixedThresholds


def get_decision_source(gate: Gate | None) -> DecisionSource:
    """What the hardware compares under a gate.

    Raises:
        ArgumentError: a gate or thresholds that integers do not decide.
    """
    supported = TemporalAttentionScoreGate, InputGate, RandomGate, PeriodicGate
    if gate is not None and not isinstance(gate, supported):
        names = ", ".join(known.name for known in supported)
        raise ArgumentError("gate", gate.name, f"one of {names}")
    if isinstance(gate, ThresholdGate) and not isinstance(gate.thresholds, FixedThresholds):
        raise ArgumentError("thresholds", type(gate.thresholds).__name__, "fixed")
    return DecisionSource.DISTANCE if isinstance(gate, InputGate) else DecisionSource.SCORE


def compute_integer_thresholds(model: IntegerModel, gate: Gate | None) -> tuple[int, ...]:
    """Integer threshold of every layer; 0, which nothing reads, where no source decides."""
    if not isinstance(gate, ThresholdGate):
        return (0,) * len(model.layers)
    if gate.thresholds.num_layers != len(model.layers):
        limit = f"{len(model.layers)}, one per layer"
        raise ArgumentError("number of thresholds", gate.thresholds.num_layers, limit)
    heads, head_dim = model.config.num_attention_heads, model.config.head_dim
    thresholds = []
    for layer_index, layer in enumerate(model.layers):
        scales = layer.scales
        if not gate.is_active(layer_index):
            thresholds.append(0)
            continue
        value = float(gate.thresholds.get(layer_index))
        if isinstance(gate, InputGate):
            thresholds.append(compute_distance_threshold(value, scales.normed, gate.strict))
        else:
            thresholds.append(
                compute_integer_threshold(
                    value, scales.query, scales.key, heads, head_dim, gate.strict
                )
            )
    return tuple(thresholds)


def compute_distance_threshold(threshold: float, scale: float, strict: bool = False) -> int:
    """The integer T with: integer distance <= T exactly where s_n sqrt(distance) <= delta.

    Args:
        threshold: delta, not NaN; below 0 nothing replays.
        scale: s_n.
        strict: compare with < instead of <=; T then holds for the strict comparison.

    Returns:
        T in [-1, 2^47 - 1].

    >>> [compute_distance_threshold(delta, 0.5) for delta in (-1.0, 0.0, 1.0, 1.5, math.inf)]
    [-1, 0, 4, 9, 140737488355327]
    >>> compute_distance_threshold(1.5, 0.5, strict=True)
    8
    """
    check_scale("scale", scale)
    if math.isnan(threshold):
        raise ArgumentError("threshold", threshold, "a number, inf or -inf")
    if threshold < 0:
        return -1
    if math.isinf(threshold):
        return MAX_ACCUMULATOR
    square = (Fraction(threshold) / Fraction(scale)) ** 2
    largest = math.ceil(square) - 1 if strict else math.floor(square)
    return min(largest, MAX_ACCUMULATOR)
