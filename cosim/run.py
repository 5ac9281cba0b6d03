"""A co-simulation: a model on rows of tokens, accelerator and reference in lock-step.

The decoder runs token by token over held-out rows, with the first frames given and the others
drawn greedily. Up to the first simulated token the integer reference is alone; from there on
decisions, MLP outputs and so the tokens of the video are the hardware's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from fastcar.cosim.calibrated_model import GATES, calibrate_gate
from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.engine import AcceleratorEngine
from fastcar.cosim.lockstep import LockstepEngine
from fastcar.cosim.request import BACKENDS, CosimRequest, Mode
from fastcar.cosim.statistics import RunStatistics
from fastcar.cosim.wave.recording import Recorder
from fastcar.reference.arrays import TokenIds
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.clips import quantize_clip_model
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.integer.decoder import IntegerDecoder
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.observation import LayerObservation
from fastcar.reference.progress import StageProgress
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.thresholds import FixedThresholds, spread_thresholds
from fastcar.rtl.config import AcceleratorConfig


@dataclass
class Cosim:
    """A co-simulation while it runs and afterwards.

    Attributes:
        request: what is simulated.
        model: what decodes.
        config: sizes of the accelerator.
        window: generated indices of the simulated tokens.
        gate: what decides; None if nothing does.
        engine: reference and accelerator.
        statistics: of all layers that were found equal.
        dense_cycles: of one layer in which every slot computes, by the cycle model.
        token_ids: [B, tokens], given or drawn so far.
        record: decisions of the simulated tokens, as the accelerator made them.
        simulation_seconds: wall clock of the simulated tokens, reference included.
    """

    request: CosimRequest
    model: ClipModel
    config: AcceleratorConfig
    window: range
    gate: ThresholdGate | None
    engine: LockstepEngine
    statistics: RunStatistics
    dense_cycles: int
    token_ids: TokenIds
    record: ReplayRecord
    simulation_seconds: float = 0.0


def prepare_cosim(
    request: CosimRequest, model: ClipModel, progress: StageProgress | None = None
) -> tuple[Cosim, IntegerDecoder]:
    """Quantise, calibrate, build the accelerator; nothing is simulated yet.

    Raises:
        ArgumentError: a size that model, clips or accelerator do not have.
    """
    request = request.resolve(model)
    assert request.calibration_clips is not None
    config = request.make_config(model.config)
    rows = model.load_rows("held_out").take(config.num_slots, "batch")
    window = choose_window(request, rows.token_ids.shape[1], model.tokens_per_frame)
    if progress is not None:
        progress(f"build {request.backend}", 0, 0)
    backend = BACKENDS[request.backend](config)  # First: it refuses where it cannot run.
    gate = choose_gate(request, model, progress)
    integer_model = quantize_clip_model(model, request.calibration_clips, progress=progress)
    planner = Planner(config, integer_model.layers)
    dense_cycles = planner.predict_dense(config.num_slots, request.latency).cycles
    statistics = RunStatistics(config, request.latency)
    engine = LockstepEngine(
        IntegerMlpEngine(integer_model, config.num_lanes),
        AcceleratorEngine(
            integer_model,
            backend,
            request.dispatch,
            request.make_settings(dense_cycles),
            Recorder() if request.records_wave else None,
        ),
        window.start,
        statistics.add,
    )
    decoder = IntegerDecoder(
        model.config,
        model.weights,
        rows=config.num_slots,
        capacity_tokens=rows.prompts.conditional.shape[1] + window.stop,
        replay=ReplayConfig(model.tokens_per_frame),
        model=integer_model,
        gate=gate,
        engine=engine,
        sparse=request.make_sparse(),
    )
    given = rows.token_ids[:, : request.given_frames * model.tokens_per_frame]
    record = ReplayRecord(model.config, len(window), config.num_slots, model.weights.dtype)
    cosim = Cosim(
        request, model, config, window, gate, engine, statistics, dense_cycles, given, record
    )
    return cosim, decoder


def choose_window(request: CosimRequest, num_tokens: int, tokens_per_frame: int) -> range:
    """Generated indices of the simulated tokens; the last token of a row is not fed.

    Args:
        request: what was asked for.
        num_tokens: of a row.
        tokens_per_frame: N.

    Raises:
        ArgumentError: recorded rows do not have what was asked for; it names what the request says.
    """
    window = request.get_window(tokens_per_frame)
    most_frames = -(-num_tokens // tokens_per_frame)
    if request.given_frames > max(most_frames, CosimRequest.given_frames):
        limit = f"at most {most_frames}, the frames of a row"
        raise ArgumentError("given_frames", request.given_frames, limit)
    end = num_tokens - 1
    if request.num_tokens is None and request.frames is None and window.start < end:
        return range(window.start, min(window.stop, end))
    if window.stop <= end:
        return window
    if request.frames is not None and request.num_tokens is None:
        limit = f"at most {num_tokens // tokens_per_frame}, the frames of a row"
        raise ArgumentError("frames", request.frames, limit)
    if window.start >= end:
        raise ArgumentError("first_token", window.start, f"below {end}: the last token is not fed")
    limit = f"at most {end - window.start}, to the end of a row"
    raise ArgumentError("num_tokens", window.stop - window.start, limit)


def choose_gate(
    request: CosimRequest, model: ClipModel, progress: StageProgress | None = None
) -> ThresholdGate | None:
    """What decides: the thresholds that were given, else calibrated ones; None if nothing does."""
    if request.mode is Mode.DENSE:
        return None
    if request.tau is not None:
        num_layers = model.config.num_hidden_layers
        thresholds = spread_thresholds("tau", request.tau, num_layers)
        return make_threshold_gate(GATES[request.source], FixedThresholds(thresholds))
    assert request.calibration_clips is not None
    ratio = request.get_ratio(model.config)
    return calibrate_gate(
        model, request.source, ratio, request.calibration_clips, request.make_sparse(), progress
    )


def run_cosim(cosim: Cosim, decoder: IntegerDecoder, progress: StageProgress | None = None) -> None:
    """Decode up to the last simulated token; `cosim` holds what was found, also after an error.

    Raises:
        LockstepError: the accelerator differs from the reference.
        FastCarError: it ended with an error, broke a rule of a channel or did not end.
    """
    rows = cosim.model.load_rows("held_out").take(cosim.config.num_slots, "batch")
    given, num_codes = cosim.token_ids, cosim.model.num_codes
    cosim.token_ids = np.empty((len(rows), 0), np.int64)
    logits = decoder.prefill(rows.prompts.conditional)[:, -1]

    def observe(seen: LayerObservation) -> None:
        if seen.token_index in cosim.window:
            place = seen.token_index - cosim.window.start
            cosim.record.observe(replace(seen, token_index=place))

    for token_index in range(cosim.window.stop):
        chosen = logits[:, :num_codes].argmax(axis=-1)
        if token_index < given.shape[1]:
            chosen = given[:, token_index]
        cosim.token_ids = np.column_stack([cosim.token_ids, chosen])
        start = time.perf_counter()
        logits = decoder.step(chosen, observe)
        if token_index in cosim.window:
            cosim.simulation_seconds += time.perf_counter() - start
        if progress is not None:
            _tell(progress, cosim.window, token_index)


def _tell(progress: StageProgress, window: range, token_index: int) -> None:
    """A stage for the reference alone, one for both."""
    if token_index in window:
        progress("lock-step", token_index - window.start + 1, len(window))
    else:
        progress("reference", token_index + 1, window.start)
