"""Thresholds for target ratios, corrected in closed loop on calibration clips only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.analysis.runs import RunRequest, Setup
from fastcar.reference.calibration import (
    Calibration,
    calibrate_per_layer,
    calibrate_uniform,
    correct_in_closed_loop,
)
from fastcar.reference.gate_factory import THRESHOLD_GATES, make_measuring_gate, make_threshold_gate
from fastcar.reference.records import ReplayRecord
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import VideoModel


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
    """

    clips: int
    frames: int
    setup: Setup
    ratios: tuple[float, ...]
    corrective_runs: int

    def execute(self, model: VideoModel) -> dict[float, Calibrated]:
        """Calibrate; keyed by target ratio."""
        request = RunRequest(self.clips, self.frames, self.setup, split="calibration")
        name = self.setup.gate
        dense = make_measuring_gate(name, model.config.num_hidden_layers)
        record = request.decode(model, dense).record
        return {ratio: self._calibrate(model, request, record, ratio) for ratio in self.ratios}

    def _calibrate(
        self, model: VideoModel, request: RunRequest, dense: ReplayRecord, ratio: float
    ) -> Calibrated:
        name = self.setup.gate
        calibrate: Calibration = calibrate_per_layer if self.setup.per_layer else calibrate_uniform
        higher_is_safer = THRESHOLD_GATES[name].higher_is_safer

        def run(thresholds: list[float]) -> ReplayRecord:
            gate = make_threshold_gate(name, FixedThresholds(thresholds))
            return request.decode(model, gate).record

        closed = correct_in_closed_loop(
            run,
            calibrate,
            calibrate(dense, ratio, higher_is_safer),
            ratio,
            higher_is_safer,
            self.corrective_runs,
        )
        thresholds = tuple(float(value) for value in np.asarray(closed.thresholds))
        return Calibrated(ratio, thresholds, closed.history[0][1], closed.ratio)
