"""Gates by name, and gates calibrated to a target ratio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastcar.reference.arrays import FloatArray
from fastcar.reference.calibration import (
    Calibration,
    calibrate_uniform,
    correct_in_closed_loop,
    get_never,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.accumulated import AccumulatedGate, FrameAccumulatedGate
from fastcar.reference.gates.codes import CodesGate
from fastcar.reference.gates.gate import Gate, ThresholdGate
from fastcar.reference.gates.input import InputGate, RelativeInputGate
from fastcar.reference.gates.motion import MotionGate
from fastcar.reference.gates.oracle import OracleGate
from fastcar.reference.gates.patches import PatchGate
from fastcar.reference.gates.planned import PeriodicGate, RandomGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.gates.skip import SkipCosineGate
from fastcar.reference.records import ReplayRecord
from fastcar.reference.thresholds import FixedThresholds, Thresholds, check_ratio

THRESHOLD_GATES: dict[str, type[ThresholdGate]] = {
    gate.name: gate
    for gate in (
        TemporalAttentionScoreGate,
        InputGate,
        RelativeInputGate,
        AccumulatedGate,
        FrameAccumulatedGate,
        MotionGate,
        SkipCosineGate,
        CodesGate,
        OracleGate,
    )
}
"""Gates that compare a measure with a threshold."""

GATES: dict[str, type[Gate]] = {
    **THRESHOLD_GATES,
    RandomGate.name: RandomGate,
    PeriodicGate.name: PeriodicGate,
}
"""All gates."""

GATE_NAMES = tuple(GATES)
"""Their names."""


def make_threshold_gate(
    name: str,
    thresholds: Thresholds,
    strict: bool = False,
    codebook: FloatArray | None = None,
) -> ThresholdGate:
    """A gate of `THRESHOLD_GATES` by its name.

    Args:
        name: of the gate.
        thresholds: where to compare.
        strict: as in `ThresholdGate`.
        codebook: [K, F], patches of the codes, for gates that compare these; None = embeddings.
    """
    if name not in THRESHOLD_GATES:
        raise ArgumentError("gate", name, f"one of {', '.join(THRESHOLD_GATES)}")
    gate_class = THRESHOLD_GATES[name]
    if issubclass(gate_class, PatchGate):
        return gate_class(thresholds, strict, codebook)
    return gate_class(thresholds, strict)


def make_measuring_gate(
    name: str, num_layers: int, codebook: FloatArray | None = None
) -> ThresholdGate:
    """A gate that measures every token and never replays: its run is dense."""
    never = FixedThresholds([get_never(THRESHOLD_GATES[name].higher_is_safer)] * num_layers)
    return make_threshold_gate(name, never, codebook=codebook)


def make_ratio_gate(name: str, eligible_ratio: float, seed: int = 0) -> Gate:
    """A control gate that replays the given share of the eligible tokens without looking."""
    check_ratio("ratio", eligible_ratio)
    if name == RandomGate.name:
        return RandomGate(eligible_ratio, seed)
    if name == PeriodicGate.name:
        return PeriodicGate(eligible_ratio)
    raise ArgumentError("gate", name, f"one of {RandomGate.name}, {PeriodicGate.name}")


@dataclass(frozen=True)
class CalibratedThresholds:
    """Thresholds of a gate for a target ratio, and how they were found.

    Attributes:
        thresholds: per layer.
        dense: the run that they were read off.
        closed_loop_ratios: of every corrective run, in order.
    """

    thresholds: list[float]
    dense: ReplayRecord
    closed_loop_ratios: tuple[float, ...]


def calibrate_thresholds(
    name: str,
    ratio: float,
    decode: Callable[[ThresholdGate], ReplayRecord],
    num_layers: int,
    calibrate: Calibration = calibrate_uniform,
    *,
    corrective_runs: int = 0,
    strict: bool = False,
    dense: ReplayRecord | None = None,
    tolerance: float = 0.0,
    codebook: FloatArray | None = None,
) -> CalibratedThresholds:
    """From a target ratio to thresholds: one dense run, then as many with replay as are wanted.

    Args:
        name: of `THRESHOLD_GATES`.
        ratio: in [0, 1]; above the ceiling every eligible token replays.
        decode: runs with the gate it is given.
        num_layers: L.
        calibrate: uniform or per layer.
        corrective_runs: runs in closed loop; the thresholds of the one that comes closest count.
        strict: how the gates of the corrective runs compare.
        tolerance: a corrective run this near the ratio is the last.
        dense: what `decode` gave with the measuring gate before; None = decode.
        codebook: as in `make_threshold_gate`.

    Raises:
        ArgumentError: a ratio outside of its limits, before anything runs.
    """
    check_ratio("target_ratio", ratio)
    safer = THRESHOLD_GATES[name].higher_is_safer
    if dense is None:
        dense = decode(make_measuring_gate(name, num_layers, codebook))
    thresholds = calibrate(dense, ratio, safer)
    if not corrective_runs:
        return CalibratedThresholds(thresholds, dense, ())

    def run(tried: list[float]) -> ReplayRecord:
        return decode(make_threshold_gate(name, FixedThresholds(tried), strict, codebook))

    closed = correct_in_closed_loop(
        run, calibrate, thresholds, ratio, safer, corrective_runs, tolerance
    )
    ratios = tuple(closed_ratio for _, closed_ratio in closed.history)
    return CalibratedThresholds(closed.thresholds, dense, ratios)
