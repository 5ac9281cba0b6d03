"""Gates by name, and gates calibrated to a target ratio."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastcar.reference.calibration import Calibration, calibrate_uniform, get_never
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates import (
    Gate,
    InputGate,
    OracleGate,
    PeriodicGate,
    RandomGate,
    TemporalAttentionScoreGate,
    ThresholdGate,
)
from fastcar.reference.records import ReplayRecord
from fastcar.reference.thresholds import FixedThresholds, Thresholds, check_ratio

THRESHOLD_GATES: dict[str, type[ThresholdGate]] = {
    gate.name: gate for gate in (TemporalAttentionScoreGate, InputGate, OracleGate)
}
"""Gates that compare a measure with a threshold."""

GATE_NAMES = (*THRESHOLD_GATES, RandomGate.name, PeriodicGate.name)
"""All gates."""


def make_threshold_gate(name: str, thresholds: Thresholds, strict: bool = False) -> ThresholdGate:
    """A gate of `THRESHOLD_GATES` by its name."""
    if name not in THRESHOLD_GATES:
        raise ArgumentError("gate", name, f"one of {', '.join(THRESHOLD_GATES)}")
    return THRESHOLD_GATES[name](thresholds, strict)


def make_measuring_gate(name: str, num_layers: int) -> ThresholdGate:
    """A gate that measures every token and never replays: its run is dense."""
    gate_class = THRESHOLD_GATES[name]
    never = get_never(gate_class.higher_is_safer)
    return gate_class(FixedThresholds([never] * num_layers))


def make_ratio_gate(name: str, eligible_ratio: float, seed: int = 0) -> Gate:
    """A control gate that replays the given share of the eligible tokens without looking."""
    check_ratio("ratio", eligible_ratio)
    if name == RandomGate.name:
        return RandomGate(eligible_ratio, seed)
    if name == PeriodicGate.name:
        return PeriodicGate(eligible_ratio)
    raise ArgumentError("gate", name, f"one of {RandomGate.name}, {PeriodicGate.name}")


def make_calibrated_gate(
    name: str,
    ratio: float,
    ceiling: float,
    get_dense_record: Callable[[ThresholdGate], ReplayRecord],
    num_layers: int,
    calibrate: Calibration = calibrate_uniform,
    seed: int = 0,
) -> tuple[Gate, Sequence[float]]:
    """A gate of any kind that shall replay a share `ratio` of all fed tokens and layers.

    Args:
        name: of `GATE_NAMES`.
        ratio: in [0, 1]; above the ceiling every eligible token replays.
        ceiling: eligible share of the fed tokens, `calibration.compute_ceiling`.
        get_dense_record: decodes with the measuring gate it is given; called for threshold gates.
        num_layers: L.
        calibrate: uniform or per layer.
        seed: of the random gate.

    Returns:
        The gate and its thresholds (empty for controls).
    """
    check_ratio("target_ratio", ratio)
    if name not in THRESHOLD_GATES:
        eligible_ratio = min(1.0, ratio / ceiling) if ceiling else 0.0
        return make_ratio_gate(name, eligible_ratio, seed), ()
    record = get_dense_record(make_measuring_gate(name, num_layers))
    thresholds = calibrate(record, ratio, THRESHOLD_GATES[name].higher_is_safer)
    return make_threshold_gate(name, FixedThresholds(thresholds)), thresholds
