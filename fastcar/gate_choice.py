"""The gate of a request: fixed thresholds, calibrated ones, adaptive ones, or a control.

Calibration follows arXiv:2505.14709v1's use of a hand-set threshold the other way round: from a
wanted replay ratio to the threshold, on the scores of one dense run over recorded clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fastcar.proofs.certificate import CERTIFICATES, make_certificate
from fastcar.reference.calibration import (
    RatioCurve,
    calibrate_per_layer,
    calibrate_uniform,
    compute_ceiling,
    compute_eligible_ratio,
    compute_ratio_curve,
)
from fastcar.reference.certified_gate import CertifiedGate
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import (
    THRESHOLD_GATES,
    calibrate_thresholds,
    make_ratio_gate,
    make_threshold_gate,
)
from fastcar.reference.gates import Gate, ThresholdGate
from fastcar.reference.progress import StageProgress
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import Semantics
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds
from fastcar.reference.video.clips import decode_clips
from fastcar.reference.video.model import VideoModel
from fastcar.request import GenerationRequest


@dataclass(frozen=True)
class GateChoice:
    """A gate and how its thresholds were found.

    Attributes:
        gate: None = no layer has a threshold.
        method: fixed, calibrated, adaptive, certified or ratio (a control that draws).
        thresholds: per layer; None = the layer never replays; empty for adaptive and ratio. Of the
            certified method they are guaranteed errors.
        ceiling: largest possible replay ratio of the request.
        open_loop_ratio: of the thresholds on the recorded dense scores; None if not calibrated.
        corrections: closed-loop ratio over the calibration clips of every corrective run.
        curve: ratio against uniform threshold on the recorded dense scores.
    """

    gate: Gate | None
    method: str
    thresholds: tuple[float | None, ...]
    ceiling: float
    open_loop_ratio: float | None = None
    corrections: tuple[float, ...] = ()
    curve: RatioCurve | None = None


def choose_gate(
    request: GenerationRequest, model: VideoModel, progress: StageProgress | None = None
) -> GateChoice:
    """The gate that the request asks for; calibration decodes some clips first.

    Raises:
        ArgumentError: a number of thresholds that does not fit the layers.
    """
    tokens_per_frame = model.geometry.tokens_per_frame
    num_layers = model.config.num_hidden_layers
    steps = request.get_frames(model) * tokens_per_frame - 1
    ceiling = compute_ceiling(steps, tokens_per_frame, request.warmup_frames)
    if request.max_error is not None:
        max_errors = spread_thresholds("max_error", request.max_error, num_layers)
        certificate = make_certificate(request.certificate or CERTIFICATES[0], model.weights)
        return GateChoice(CertifiedGate(certificate, max_errors), "certified", max_errors, ceiling)
    if request.tau is not None:
        thresholds = spread_thresholds("tau", request.tau, num_layers)
        return GateChoice(_make_fixed_gate(request, thresholds), "fixed", thresholds, ceiling)
    eligible_ratio = compute_eligible_ratio(request.ratio, ceiling)
    if request.gate not in THRESHOLD_GATES:
        control = make_ratio_gate(request.gate, eligible_ratio, request.seed)
        return GateChoice(control, "ratio", (), ceiling)
    if request.adaptive:
        safer = THRESHOLD_GATES[request.gate].higher_is_safer
        adaptive = AdaptiveThresholds(num_layers, eligible_ratio, safer)
        return GateChoice(make_threshold_gate(request.gate, adaptive), "adaptive", (), ceiling)
    return _calibrate(request, model, ceiling, progress)


def spread_thresholds(
    argument: str, values: tuple[float | None, ...], num_layers: int
) -> tuple[float | None, ...]:
    """One threshold per layer from one for all or one per layer.

    >>> spread_thresholds("tau", (0.4,), 3)
    (0.4, 0.4, 0.4)
    """
    if len(values) not in (1, num_layers):
        raise ArgumentError(argument, values, f"1 or {num_layers} values")
    return values * (num_layers if len(values) == 1 else 1)


def compute_open_loop_ratio(
    record: ReplayRecord, thresholds: list[float], higher_is_safer: bool
) -> float:
    """Share of all recorded decisions that would replay if replaying changed nothing."""
    sign = 1.0 if higher_is_safer else -1.0
    limits = np.array(thresholds)[:, None]  # [L, 1]
    would_replay = record.eligible & (sign * record.measures >= sign * limits)
    return float(would_replay.mean()) if would_replay.size else 0.0


def _make_fixed_gate(
    request: GenerationRequest, thresholds: tuple[float | None, ...]
) -> Gate | None:
    if all(value is None for value in thresholds):
        return None
    strict = request.semantics is Semantics.PUBLISHED
    return make_threshold_gate(request.gate, FixedThresholds(thresholds), strict)


def _calibrate(
    request: GenerationRequest, model: VideoModel, ceiling: float, progress: StageProgress | None
) -> GateChoice:
    stages = iter(("calibrate",))

    def decode(gate: ThresholdGate) -> ReplayRecord:
        return _run_clips(request, model, gate, next(stages, "correct"), progress)

    found = calibrate_thresholds(
        request.gate,
        request.ratio,
        decode,
        model.config.num_hidden_layers,
        calibrate_per_layer if request.per_layer else calibrate_uniform,
        corrective_runs=request.closed_loop_runs,
        strict=request.semantics is Semantics.PUBLISHED,
    )
    safer = THRESHOLD_GATES[request.gate].higher_is_safer
    return GateChoice(
        _make_fixed_gate(request, tuple(found.thresholds)),
        "calibrated",
        tuple(found.thresholds),
        ceiling,
        compute_open_loop_ratio(found.dense, found.thresholds, safer),
        found.closed_loop_ratios,
        compute_ratio_curve(found.dense, safer),
    )


def _run_clips(
    request: GenerationRequest,
    model: VideoModel,
    gate: Gate,
    stage: str,
    progress: StageProgress | None,
) -> ReplayRecord:
    """Decode calibration clips teacher-forced, under the attention and guidance of the request."""
    tokens_per_frame = model.geometry.tokens_per_frame
    recorded = model.load_clips("calibration")
    if not 1 <= request.calibration_clips <= len(recorded.prompts):
        limit = f"in [1, {len(recorded.prompts)}]"
        raise ArgumentError("calibration_clips", request.calibration_clips, limit)
    clips = recorded.take(request.calibration_clips)
    frames = min(request.get_frames(model), clips.token_ids.shape[1] // tokens_per_frame)
    options = request.make_decode_options(tokens_per_frame, gate)
    tell = None if progress is None else partial(progress, stage)
    return decode_clips(model, clips, options, frames, progress=tell).record
