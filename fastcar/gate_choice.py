"""The gate of a request: fixed thresholds, calibrated ones, adaptive ones, or a control.

Calibration follows arXiv:2505.14709v1's use of a hand-set threshold the other way round: from a
wanted replay ratio to the threshold, on the scores of one dense run over recorded clips. Replaying
changes later scores, and a video that is drawn scores otherwise than a recorded one, so corrective
runs follow on the very videos that are asked for (D-42).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fastcar.decoding import decode_videos
from fastcar.proofs.certificate_names import CERTIFICATES
from fastcar.reference.calibration import (
    Calibration,
    RatioCurve,
    calibrate_per_layer,
    calibrate_uniform,
    compute_eligible_ratio,
    compute_ratio_curve,
)
from fastcar.reference.certified_gate import CertifiedGate
from fastcar.reference.clips import decode_rows
from fastcar.reference.gate_factory import (
    THRESHOLD_GATES,
    CalibratedThresholds,
    calibrate_thresholds,
    make_measuring_gate,
    make_ratio_gate,
    make_threshold_gate,
)
from fastcar.reference.gates.gate import Gate, ThresholdGate
from fastcar.reference.progress import StageProgress
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import Semantics
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds, spread_thresholds
from fastcar.reference.video.model import VideoModel
from fastcar.request import GenerationRequest, get_calibration_rows
from fastcar.video_sources import VideoSources, get_sources

DEFAULT_CLOSED_LOOP_RUNS = 4
"""Corrective runs at most: replaying changes later scores, so open loop alone misses its ratio."""

CLOSE_ENOUGH = 0.01
"""A corrective run this near the ratio is the last."""


@dataclass(frozen=True)
class GateChoice:
    """A gate and how its thresholds were found.

    Attributes:
        gate: None = no layer has a threshold.
        method: fixed, calibrated, adaptive, certified or ratio (a control that draws).
        thresholds: per layer; None = the layer never replays; empty for adaptive and ratio. Of the
            certified method they are guaranteed errors.
        ceiling: largest possible replay ratio of the request.
        target_ratio: what was aimed at; None where thresholds or errors were given.
        open_loop_ratio: of the thresholds on the recorded dense scores; None if not calibrated, or
            if nothing was recorded.
        corrections: closed-loop ratio of the requested videos in every corrective run; None where
            nothing was decided.
        curve: ratio against uniform threshold on the recorded dense scores.
    """

    gate: Gate | None
    method: str
    thresholds: tuple[float | None, ...]
    ceiling: float
    target_ratio: float | None = None
    open_loop_ratio: float | None = None
    corrections: tuple[float | None, ...] = ()
    curve: RatioCurve | None = None


def choose_gate(
    request: GenerationRequest,
    model: VideoModel,
    progress: StageProgress | None = None,
    sources: VideoSources | None = None,
    calibrate: Calibration | None = None,
) -> GateChoice:
    """The gate that the request asks for; calibration decodes some clips first.

    Args:
        request: what is asked for.
        model: a video model.
        progress: told of the stages "calibrate" and "correct".
        sources: what the videos start from; None = as the request says.
        calibrate: from measures to thresholds; None = uniform or per layer, as the request says.

    Raises:
        ArgumentError: a number of thresholds that does not fit the layers.
    """
    chosen = choose_uncalibrated_gate(request, model)
    if chosen is not None:
        return chosen
    if sources is None:
        sources = get_sources(request, model)
    if calibrate is None:
        calibrate = calibrate_per_layer if request.per_layer else calibrate_uniform
    ratio = request.get_ratio(model)
    return _calibrate(request, model, sources, ratio, calibrate, progress)


def choose_uncalibrated_gate(request: GenerationRequest, model: VideoModel) -> GateChoice | None:
    """The gate of a request where no run has to be measured first; None where one has to be.

    Raises:
        ArgumentError: a number of thresholds that does not fit the layers.
    """
    num_layers, ceiling = model.config.num_hidden_layers, request.get_ceiling(model)
    if request.max_error is not None:
        from fastcar.proofs.certificate import make_certificate  # and all that it is proved with

        max_errors = spread_thresholds("max_error", request.max_error, num_layers)
        certificate = make_certificate(request.certificate or CERTIFICATES[0], model.weights)
        return GateChoice(CertifiedGate(certificate, max_errors), "certified", max_errors, ceiling)
    if request.tau is not None:
        thresholds = spread_thresholds("tau", request.tau, num_layers)
        fixed = _make_fixed_gate(request, thresholds, model)
        return GateChoice(fixed, "fixed", thresholds, ceiling)
    ratio = request.get_ratio(model)
    eligible_ratio = compute_eligible_ratio(ratio, ceiling)
    if request.gate not in THRESHOLD_GATES:
        control = make_ratio_gate(request.gate, eligible_ratio, request.seed)
        return GateChoice(control, "ratio", (), ceiling, ratio)
    if request.adaptive:
        safer = THRESHOLD_GATES[request.gate].higher_is_safer
        adaptive = make_threshold_gate(
            request.gate,
            AdaptiveThresholds(num_layers, eligible_ratio, safer),
            codebook=model.codebook,
        )
        return GateChoice(adaptive, "adaptive", (), ceiling, ratio)
    return None


def compute_open_loop_ratio(
    record: ReplayRecord, thresholds: list[float], higher_is_safer: bool
) -> float | None:
    """Share of all recorded decisions that would replay if replaying changed nothing.

    None where nothing was decided.
    """
    sign = 1.0 if higher_is_safer else -1.0
    limits = np.array(thresholds)[:, None]  # [L, 1]
    would_replay = record.eligible & (sign * record.measures >= sign * limits)
    return float(would_replay.mean()) if would_replay.size else None


def _make_fixed_gate(
    request: GenerationRequest, thresholds: tuple[float | None, ...], model: VideoModel
) -> Gate | None:
    if all(value is None for value in thresholds):
        return None
    strict = request.semantics is Semantics.PUBLISHED
    return make_threshold_gate(
        request.gate, FixedThresholds(thresholds), strict, codebook=model.codebook
    )


def _calibrate(
    request: GenerationRequest,
    model: VideoModel,
    sources: VideoSources,
    ratio: float,
    calibrate: Calibration,
    progress: StageProgress | None,
) -> GateChoice:
    dense = _measure_clips(request, model, progress)
    runs = request.closed_loop_runs

    def decode(gate: ThresholdGate) -> ReplayRecord:
        return decode_videos(model, request, sources, gate, "correct", progress).record

    found = calibrate_thresholds(
        request.gate,
        ratio,
        decode,
        model.config.num_hidden_layers,
        calibrate,
        corrective_runs=DEFAULT_CLOSED_LOOP_RUNS if runs is None else runs,
        tolerance=CLOSE_ENOUGH,
        strict=request.semantics is Semantics.PUBLISHED,
        dense=dense,
        codebook=model.codebook,
    )
    return describe_calibration(request, model, found)


def describe_calibration(
    request: GenerationRequest, model: VideoModel, found: CalibratedThresholds
) -> GateChoice:
    """The gate of calibrated thresholds, and how they were found."""
    safer = THRESHOLD_GATES[request.gate].higher_is_safer
    is_empty = not found.dense.replayed.size  # a frame of one token
    return GateChoice(
        _make_fixed_gate(request, tuple(found.thresholds), model),
        "calibrated",
        tuple(found.thresholds),
        request.get_ceiling(model),
        request.get_ratio(model),
        compute_open_loop_ratio(found.dense, found.thresholds, safer),
        tuple(None if is_empty else ratio for ratio in found.closed_loop_ratios),
        None if is_empty else compute_ratio_curve(found.dense, safer),
    )


def _measure_clips(
    request: GenerationRequest, model: VideoModel, progress: StageProgress | None
) -> ReplayRecord:
    """Calibration clips dense and teacher-forced, under attention and guidance of the request."""
    gate = make_measuring_gate(request.gate, model.config.num_hidden_layers, model.codebook)
    tokens_per_frame = model.tokens_per_frame
    rows = get_calibration_rows(request, model)
    frames = min(request.get_frames(model), rows.count_frames(tokens_per_frame))
    options = request.make_decode_options(tokens_per_frame, gate)
    tell = None if progress is None else partial(progress, "calibrate")
    return decode_rows(model, rows, options, frames, progress=tell).record
