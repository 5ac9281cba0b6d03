"""Thresholds for target ratios, corrected in closed loop on calibration clips only."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.analysis.runs import RunRequest, Setup
from fastcar.reference.calibration import calibrate_per_layer, calibrate_uniform
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.engine_choice import NUMPY
from fastcar.reference.gate_factory import calibrate_thresholds, make_measuring_gate
from fastcar.reference.records import ReplayRecord


@dataclass(frozen=True)
class Calibrated:
    """Thresholds for one target ratio.

    Attributes:
        target: ratio asked for.
        thresholds: one per layer.
        first_ratio: closed-loop ratio of the thresholds of the dense run, on calibration clips.
        ratio: closed-loop ratio of `thresholds`, on calibration clips.
    """

    target: float
    thresholds: tuple[float, ...]
    first_ratio: float
    ratio: float


@dataclass(frozen=True)
class CalibrationRequest:
    """Calibrate one set-up to several ratios; the dense run is shared.

    Attributes:
        clips: calibration clips.
        frames: frames of each.
        setup: of a threshold gate.
        ratios: targets.
        corrective_runs: closed-loop runs per target.
        engine: as in `RunRequest`.
    """

    clips: int
    frames: int
    setup: Setup
    ratios: tuple[float, ...]
    corrective_runs: int
    engine: str = NUMPY

    def execute(self, model: ClipModel) -> dict[float, Calibrated]:
        """Calibrate; keyed by target ratio."""
        request = RunRequest(
            self.clips, self.frames, self.setup, split="calibration", engine=self.engine
        )
        num_layers = model.config.num_hidden_layers
        dense = make_measuring_gate(self.setup.gate, num_layers, model.codebook)
        record = request.decode(model, dense).record
        return {ratio: self._calibrate(model, request, record, ratio) for ratio in self.ratios}

    def _calibrate(
        self, model: ClipModel, request: RunRequest, dense: ReplayRecord, ratio: float
    ) -> Calibrated:
        found = calibrate_thresholds(
            self.setup.gate,
            ratio,
            lambda gate: request.decode(model, gate).record,
            model.config.num_hidden_layers,
            calibrate_per_layer if self.setup.per_layer else calibrate_uniform,
            corrective_runs=max(1, self.corrective_runs),
            dense=dense,
            codebook=model.codebook,
        )
        ratios = found.closed_loop_ratios
        closest = min(ratios, key=lambda reached: abs(reached - ratio))
        return Calibrated(ratio, tuple(found.thresholds), ratios[0], closest)
