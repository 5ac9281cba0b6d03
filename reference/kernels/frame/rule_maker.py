"""The gate of a decoder as the frame kernel is given it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.decoder import Decoder
from fastcar.reference.gates.gate import Gate, ThresholdGate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.oracle import OracleGate
from fastcar.reference.gates.planned import PlannedGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.kernels.frame import plan as plans
from fastcar.reference.kernels.frame.plan import Rule
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds

Array = NDArray[Any]

KINDS: dict[type[Gate], int] = {
    TemporalAttentionScoreGate: plans.SCORE_GATE,
    InputGate: plans.INPUT,
    OracleGate: plans.ORACLE,
}
"""Gates whose measures the kernel knows; what a subclass measures it does not."""


def is_known(gate: Gate | None, replay: ReplayConfig) -> bool:
    """Whether the kernel decides as this gate does."""
    if isinstance(gate, OracleGate) and replay.correction is not None:
        return False  # it would correct every row
    if gate is None or isinstance(gate, PlannedGate):
        return True
    return (
        type(gate) in KINDS
        and isinstance(gate, ThresholdGate)
        and type(gate.thresholds) in (FixedThresholds, AdaptiveThresholds)
    )


def make_rule(decoder: Decoder, slice_tokens: int) -> Rule:
    """The gate, its memory and who may replay."""
    config, mlp, replay = decoder.config, decoder.mlp, decoder.replay
    gate = mlp.rule.gate
    layers, rows = config.num_hidden_layers, decoder.num_rows
    active = [gate is not None and gate.is_active(index) for index in range(layers)]
    thresholds, spreads, surpluses = np.zeros((3, layers, rows))
    target = gain = 0.0
    is_adaptive = False
    if isinstance(gate, ThresholdGate):
        if isinstance(gate.thresholds, AdaptiveThresholds):
            is_adaptive = True
            thresholds, spreads = gate.thresholds.values, gate.thresholds.spreads
            surpluses = gate.thresholds.surpluses
            target = gate.thresholds.target_ratio
            gain = gate.thresholds.sign * gate.thresholds.gain
        else:
            for index in np.flatnonzero(active):
                thresholds[index] = gate.thresholds.get(int(index))
    planned = (slice_tokens if isinstance(gate, PlannedGate) else 0, layers, rows)
    aggregation, head_weights = make_aggregation(decoder)
    return Rule(
        kind=get_kind(gate),
        takes_score=gate is not None and gate.needs_score,
        active=np.array(active, bool),
        higher_is_safer=isinstance(gate, ThresholdGate) and gate.higher_is_safer,
        is_strict=isinstance(gate, ThresholdGate) and gate.strict,
        thresholds=thresholds,
        spreads=spreads,
        surpluses=surpluses,
        is_adaptive=is_adaptive,
        target=float(target),
        gain=float(gain),
        planned=np.zeros(planned, bool),
        planned_measures=np.full(planned, np.nan),
        **make_replacement(decoder),
        chains=mlp.rule.chains,
        warmup_frames=replay.warmup_frames,
        max_chain=-1 if replay.max_chain is None else replay.max_chain,
        aggregation=aggregation,
        head_weights=head_weights,
        is_published=replay.semantics is Semantics.PUBLISHED,
    )


def make_replacement(decoder: Decoder) -> dict[str, Any]:
    """What rows that replay use, and the memory of gate and correction."""
    replacement, gate = decoder.mlp.replacement, decoder.mlp.rule.gate
    correction, constant = replacement.correction, replacement.constant
    kind = plans.CACHED if correction is None else plans.CORRECTED
    nothing = np.zeros((0, 0, 0), np.float32)
    return {
        "replacement": kind if constant is None else plans.CONSTANT,
        "cached": replacement.cached_outputs,
        "last_inputs": gate.last_inputs if type(gate) is InputGate else replacement.last_inputs,
        "keeps_inputs": type(gate) is InputGate or correction is not None,
        "down": nothing if correction is None else correction.down,
        "up": nothing if correction is None else correction.up,
        "constant": nothing[0:0].reshape(0, 0) if constant is None else constant,
    }


def get_kind(gate: Gate | None) -> int:
    """What a gate looks at."""
    if gate is None:
        return plans.NO_GATE
    return plans.PLANNED if isinstance(gate, PlannedGate) else KINDS[type(gate)]


def make_aggregation(decoder: Decoder) -> tuple[int, Array]:
    """How scores of heads become one, and the weights [L, H] float32 if that takes any."""
    config, aggregation = decoder.config, decoder.replay.aggregation
    if isinstance(aggregation, np.ndarray):
        return plans.WEIGHTED, np.ascontiguousarray(aggregation, np.float32)
    ones = np.ones((config.num_hidden_layers, config.num_attention_heads), np.float32)
    return plans.MAX if aggregation is HeadAggregation.MAX else plans.MEAN, ones
