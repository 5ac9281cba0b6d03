"""A co-simulation of the whole decoder: a model on rows of tokens, in lock-step and closed loop.

Rows begin with their prompts; true tokens are fed for the first frames, if any are asked for, and
all others are those that the accelerator picked. Up to the first simulated token the integer
reference is alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from fastcar.cosim.backends.backend import RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings
from fastcar.cosim.request import BACKENDS
from fastcar.cosim.run import choose_gate, choose_window
from fastcar.cosim.wave.recording import Recorder
from fastcar.cosim.whole.draws import Draws
from fastcar.cosim.whole.lockstep import DecoderLockstep
from fastcar.cosim.whole.machine import DecoderMachine, TokenRun
from fastcar.cosim.whole.prediction import TokenPrediction
from fastcar.cosim.whole.reference import TracedDecoder
from fastcar.cosim.whole.request import DecoderRequest
from fastcar.cosim.whole.sizes import make_memory_map
from fastcar.cosim.whole.statistics import DecoderStatistics
from fastcar.reference.arrays import TokenIds
from fastcar.reference.clip_model import ClipModel, TokenRows
from fastcar.reference.clips import quantize_whole_clip_model
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.observation import LayerObservation
from fastcar.reference.progress import StageProgress
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.rtl.config import AcceleratorConfig


@dataclass
class DecoderCosim:
    """A co-simulation while it runs and afterwards.

    Attributes:
        request: what is simulated.
        model: what decodes.
        config: sizes of the accelerator.
        window: generated indices of the simulated tokens.
        rows: prompts and true tokens.
        gate: what decides; None if nothing does.
        engine: reference and accelerator.
        statistics: of all tokens that were found equal.
        token_ids: [B, tokens], given or picked so far, the one that is not fed among them.
        record: decisions of the simulated tokens.
        simulation_seconds: wall clock of the simulated tokens, reference included.
    """

    request: DecoderRequest
    model: ClipModel
    config: AcceleratorConfig
    window: range
    rows: TokenRows
    gate: ThresholdGate | None
    engine: DecoderLockstep
    statistics: DecoderStatistics
    token_ids: TokenIds
    record: ReplayRecord
    simulation_seconds: float = 0.0


def prepare_decoder_cosim(
    request: DecoderRequest, model: ClipModel, progress: StageProgress | None = None
) -> DecoderCosim:
    """Check, build the accelerator, calibrate, quantise; nothing is simulated yet.

    Raises:
        ArgumentError: a size that model, clips or accelerator do not have.
    """
    request = request.resolve(model)
    rows = model.load_rows("held_out").take(request.make_config(model.config).num_slots, "batch")
    window = choose_window(request, rows.token_ids.shape[1], model.tokens_per_frame)
    capacity_tokens = rows.prompts.conditional.shape[1] + window.stop
    memory_map = make_memory_map(request, model, capacity_tokens)
    config = memory_map.config
    if progress is not None:
        progress(f"build {request.backend}", 0, 0)
    backend = BACKENDS[request.backend](config)  # First: it refuses where it cannot run.
    gate = choose_gate(request, model, progress)
    assert request.calibration_clips is not None
    integers = quantize_whole_clip_model(model, request.calibration_clips, progress=progress)
    decoder = TracedDecoder(
        model.config,
        model.weights,
        rows=config.num_slots,
        capacity_tokens=capacity_tokens,
        replay=ReplayConfig(model.tokens_per_frame),
        model=integers,
        gate=gate,
        sparse=request.make_sparse(),
        num_lanes=config.num_lanes,
    )
    channels = ChannelSettings(request.latency, request.stall, request.seed)
    machine = DecoderMachine(
        memory_map,
        integers,
        backend,
        request.make_sparse(),
        RunSettings(channels=channels),
        Recorder() if request.records_wave else None,
        flows=not request.barrier,
    )
    scale = integers.head.scale
    lockstep = DecoderLockstep(
        decoder,
        machine,
        Draws(request.temperature, request.seed, len(rows), model.num_codes, scale),
        dispatch=request.dispatch,
        first_token=window.start,
    )
    record = ReplayRecord(model.config, len(window), len(rows), model.weights.dtype)
    return DecoderCosim(
        request,
        model,
        config,
        window,
        rows,
        gate,
        lockstep,
        DecoderStatistics(config),
        np.empty((len(rows), 0), np.int64),
        record,
    )


def run_decoder_cosim(cosim: DecoderCosim, progress: StageProgress | None = None) -> None:
    """Decode up to the last simulated token; `cosim` holds what was found, also after an error.

    Raises:
        LockstepError: the accelerator differs from the reference.
        FastCarError: it ended with an error, broke a rule of a channel or did not end.
    """
    window, prompts = cosim.window, cosim.rows.prompts.conditional
    num_prompt_runs = 0 if window.start else prompts.shape[1]

    def count(run: TokenRun, prediction: TokenPrediction) -> None:
        cosim.statistics.add(run, prediction)
        if progress is not None:
            done = cosim.statistics.totals["runs"]
            progress("lock-step", done, num_prompt_runs + len(window))

    def observe(seen: LayerObservation) -> None:
        if seen.token_index in window:
            place = seen.token_index - window.start
            cosim.record.observe(replace(seen, token_index=place))

    cosim.engine.on_run = count
    given = cosim.rows.token_ids[:, : cosim.request.given_frames * cosim.model.tokens_per_frame]
    num_given = given.shape[1]
    with _Stopwatch(cosim, window.start == 0):
        picked = cosim.engine.feed_prompt(prompts, is_next_given=num_given > 0)
    for token_index in range(window.stop):
        given_ids = given[:, token_index] if token_index < num_given else None
        _append(cosim, picked if given_ids is None else given_ids)
        with _Stopwatch(cosim, token_index in window):
            picked = cosim.engine.feed_token(
                given_ids, picked, is_next_given=token_index + 1 < num_given, observer=observe
            )
        if progress is not None and token_index < window.start:
            progress("reference", token_index + 1, window.start)
    _append(cosim, picked)


def _append(cosim: DecoderCosim, token_ids: TokenIds) -> None:
    cosim.token_ids = np.column_stack([cosim.token_ids, token_ids])


class _Stopwatch:
    """Adds what its block takes, also if it fails, where the accelerator runs in it."""

    def __init__(self, cosim: DecoderCosim, counts: bool) -> None:
        self._cosim, self._counts = cosim, counts

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        if self._counts:
            self._cosim.simulation_seconds += time.perf_counter() - self._start
