"""A co-simulation: the shipped model on real clips, accelerator and reference in lock-step.

The decoder runs token by token over held-out clips, with the first frames given and the others
drawn greedily. Up to the first simulated token the integer reference is alone; from there on
decisions, MLP outputs and so the tokens of the video are the hardware's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from fastcar.cosim.calibrated_model import calibrate_gate
from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.engine import AcceleratorEngine
from fastcar.cosim.lockstep import LockstepEngine
from fastcar.cosim.request import BACKENDS, CosimRequest, Mode
from fastcar.cosim.statistics import RunStatistics
from fastcar.reference.arrays import TokenIds
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.decoder import IntegerDecoder
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.progress import StageProgress
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.video.clips import quantize_video_model, take_clips
from fastcar.reference.video.model import VideoModel
from fastcar.rtl.config import AcceleratorConfig


@dataclass
class Cosim:
    """A co-simulation while it runs and afterwards.

    Attributes:
        request: what is simulated.
        model: the video model.
        config: sizes of the accelerator.
        window: generated indices of the simulated tokens.
        engine: reference and accelerator.
        statistics: of all layers that were found equal.
        dense_cycles: of one layer in which every slot computes, by the cycle model.
        token_ids: [B, tokens], given or drawn so far.
        simulation_seconds: wall clock of the simulated tokens, reference included.
    """

    request: CosimRequest
    model: VideoModel
    config: AcceleratorConfig
    window: range
    engine: LockstepEngine
    statistics: RunStatistics
    dense_cycles: int
    token_ids: TokenIds
    simulation_seconds: float = 0.0


def prepare_cosim(
    request: CosimRequest, model: VideoModel, progress: StageProgress | None = None
) -> tuple[Cosim, IntegerDecoder]:
    """Quantise, calibrate, build the accelerator; nothing is simulated yet.

    Raises:
        ArgumentError: a size that model, clips or accelerator do not have.
    """
    config = request.make_config(model.config)
    window = request.get_window(model.geometry.tokens_per_frame)
    clips = take_clips(model, "held_out", "batch", request.batch)
    if window.stop >= clips.token_ids.shape[1]:
        limit = f"below {clips.token_ids.shape[1] - 1}, the tokens of a clip"
        raise ArgumentError("last token", window.stop - 1, limit)
    integer_model = quantize_video_model(model, request.calibration_clips)
    gate = None
    if request.mode is not Mode.DENSE:
        gate = calibrate_gate(
            model, request.source, request.target_ratio, request.calibration_clips, progress
        )
    planner = Planner(config, integer_model.layers)
    dense_cycles = planner.predict_dense(request.batch, request.latency).cycles
    statistics = RunStatistics(config, request.latency)
    engine = LockstepEngine(
        IntegerMlpEngine(integer_model, config.num_lanes),
        AcceleratorEngine(
            integer_model,
            BACKENDS[request.backend](config),
            request.dispatch,
            request.make_settings(dense_cycles),
            request.keeps_memory,
        ),
        window.start,
        statistics.add,
    )
    decoder = IntegerDecoder(
        model.config,
        model.weights,
        rows=request.batch,
        capacity_tokens=model.encode_prompts(clips.prompts).conditional.shape[1] + window.stop,
        replay=ReplayConfig(model.geometry.tokens_per_frame),
        model=integer_model,
        gate=gate,
        engine=engine,
    )
    given = clips.token_ids[:, : request.given_frames * model.geometry.tokens_per_frame]
    cosim = Cosim(request, model, config, window, engine, statistics, dense_cycles, given)
    return cosim, decoder


def run_cosim(cosim: Cosim, decoder: IntegerDecoder, progress: StageProgress | None = None) -> None:
    """Decode up to the last simulated token; `cosim` holds what was found, also after an error.

    Raises:
        LockstepError: the accelerator differs from the reference.
        FastCarError: it ended with an error, broke a rule of a channel or did not end.
    """
    clips = cosim.model.load_clips("held_out").take(cosim.request.batch)
    given, num_codes = cosim.token_ids, cosim.model.codec.num_codes
    cosim.token_ids = np.empty((cosim.request.batch, 0), np.int64)
    logits = decoder.prefill(cosim.model.encode_prompts(clips.prompts).conditional)[:, -1]
    for token_index in range(cosim.window.stop):
        chosen = logits[:, :num_codes].argmax(axis=-1)
        if token_index < given.shape[1]:
            chosen = given[:, token_index]
        cosim.token_ids = np.column_stack([cosim.token_ids, chosen])
        start = time.perf_counter()
        logits = decoder.step(chosen)
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
