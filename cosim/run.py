"""A co-simulation: the shipped model on real clips, accelerator and reference in lock-step.

The decoder runs token by token over held-out clips, with the first frames given and the others
drawn greedily. Up to the first simulated token the integer reference is alone; from there on
decisions, MLP outputs and so the tokens of the video are the hardware's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial

import numpy as np

from cosim.backend import Backend, RunSettings
from cosim.compiler import LayerCompiler, LayerStep
from cosim.cycle_model import predict_run
from cosim.engine import AcceleratorEngine
from cosim.lockstep import LockstepEngine
from cosim.memory_image import MemoryMap
from cosim.memory_model import ChannelSettings
from cosim.pyrtl_backend import PyrtlBackend
from cosim.statistics import RunStatistics
from cosim.verilator_backend import VerilatorBackend
from reference.calibration import calibrate_per_layer, compute_ceiling
from reference.decoder import TokenIds
from reference.errors import ArgumentError
from reference.gate_factory import make_calibrated_gate
from reference.gates import Gate, ThresholdGate
from reference.generate import DecodeOptions, generate
from reference.integer_decoder import IntegerDecoder
from reference.integer_engine import IntegerMlpEngine
from reference.integer_model import IntegerModel
from reference.mlp_engine import DecisionSource
from reference.quantization import quantize_checkpoint
from reference.records import DecisionRecord
from reference.replay import ReplayConfig
from reference.sampling import Sampling
from reference.scheduler import Dispatch
from reference.thresholds import check_ratio
from reference.video.model import Clips, VideoModel
from rtl.config import AcceleratorConfig

Progress = Callable[[str, int, int], None]
"""Called with (stage, tokens fed, tokens to feed)."""

BACKENDS: dict[str, Callable[[AcceleratorConfig], Backend]] = {
    "pyrtl": PyrtlBackend,
    "verilator": VerilatorBackend,
}
GATES = {DecisionSource.SCORE: "tas", DecisionSource.DISTANCE: "input"}
DEFAULT_TOKENS = 1
DEFAULT_PLACE = 37
"""Where some of the first held-out clips compute and some replay, in every layer of the shipped
model and under both sources; in smaller frames, modulo their tokens."""
LIMIT_CYCLES = 10_000_000
"""Of one layer of one token; the largest accelerator needs far less."""


class Mode(Enum):
    """What decides, and how slots are mapped to cores."""

    DRS = "drs"
    """Replay, computing slots dealt in turn."""
    STATIC = "static"
    """Replay, slot b on core b mod C."""
    DENSE = "dense"
    """Every slot computes, dealt in turn."""


@dataclass(frozen=True)
class CosimRequest:
    """What to simulate.

    Attributes:
        backend: name of `BACKENDS`.
        batch: B, held-out clips decoded together, one per slot.
        cores: C.
        lanes: L.
        mode: drs, static or dense.
        source: what decides; nothing under dense.
        target_ratio: share of the eligible decisions that shall replay.
        latency: cycles of the memory.
        first_token: generated index of the first simulated token; None = `DEFAULT_PLACE` of
            frame 1.
        tokens: simulated tokens; None = to the end of `frames`, or 1 where that is not given.
        frames: of the video, whose last token is not fed; None = as many as the tokens need.
        given_frames: true frames at the start.
        calibration_clips: for scales and thresholds.
        keeps_memory: keep what a wave form of the last layer needs.
    """

    backend: str = "pyrtl"
    batch: int = 4
    cores: int = 2
    lanes: int = 16
    mode: Mode = Mode.DRS
    source: DecisionSource = DecisionSource.SCORE
    target_ratio: float = 0.5
    latency: int = 8
    first_token: int | None = None
    tokens: int | None = None
    frames: int | None = None
    given_frames: int = 2
    calibration_clips: int = 4
    keeps_memory: bool = False

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ArgumentError("backend", self.backend, f"one of {', '.join(BACKENDS)}")
        check_ratio("target_ratio", self.target_ratio)
        for name in ("batch", "latency", "given_frames", "calibration_clips"):
            if getattr(self, name) < 1:
                raise ArgumentError(name, getattr(self, name), "at least 1")
        for name in ("tokens", "frames"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ArgumentError(name, getattr(self, name), "at least 1")
        if self.first_token is not None and self.first_token < 0:
            raise ArgumentError("first_token", self.first_token, "at least 0")

    def get_window(self, tokens_per_frame: int) -> range:
        """Generated indices of the simulated tokens.

        Raises:
            ArgumentError: the video has no such tokens.
        """
        first = self.first_token
        if first is None:
            first = tokens_per_frame + DEFAULT_PLACE % tokens_per_frame
        num_tokens = DEFAULT_TOKENS if self.tokens is None else self.tokens
        if self.frames is None:
            return range(first, first + num_tokens)
        end = self.frames * tokens_per_frame - 1
        if first >= end:
            limit = f"below {end}, the tokens that {self.frames} frames feed"
            raise ArgumentError("first_token", first, limit)
        if self.tokens is not None and first + self.tokens > end:
            limit = f"at most {end - first}, to the end of {self.frames} frames"
            raise ArgumentError("tokens", self.tokens, limit)
        return range(first, end if self.tokens is None else first + self.tokens)

    @property
    def dispatch(self) -> Dispatch:
        """How slots are mapped."""
        return Dispatch.STATIC if self.mode is Mode.STATIC else Dispatch.DYNAMIC

    def make_config(self, model: VideoModel) -> AcceleratorConfig:
        """Sizes of the accelerator."""
        return AcceleratorConfig(
            num_cores=self.cores,
            num_lanes=self.lanes,
            num_slots=self.batch,
            hidden_size=model.config.hidden_size,
            intermediate_size=model.config.intermediate_size,
            query_size=model.config.num_attention_heads * model.config.head_dim,
        )


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
    request: CosimRequest, model: VideoModel, progress: Progress | None = None
) -> tuple[Cosim, IntegerDecoder]:
    """Quantise, calibrate, build the accelerator; nothing is simulated yet.

    Raises:
        ArgumentError: a size that model, clips or accelerator do not have.
    """
    config = request.make_config(model)
    window = request.get_window(model.geometry.tokens_per_frame)
    clips = take_clips(model, "held_out", "batch", request.batch)
    if window.stop >= clips.token_ids.shape[1]:
        limit = f"below {clips.token_ids.shape[1] - 1}, the tokens of a clip"
        raise ArgumentError("last token", window.stop - 1, limit)
    integer_model = quantize_video_model(model, request.calibration_clips)
    gate = None if request.mode is Mode.DENSE else calibrate_gate(request, model, progress)
    statistics = RunStatistics(config, request.latency)
    engine = LockstepEngine(
        IntegerMlpEngine(integer_model, config.num_lanes),
        AcceleratorEngine(
            integer_model,
            BACKENDS[request.backend](config),
            request.dispatch,
            RunSettings(LIMIT_CYCLES, ChannelSettings(request.latency)),
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
    dense_cycles = compute_dense_cycles(request, config, integer_model)
    cosim = Cosim(request, model, config, window, engine, statistics, dense_cycles, given)
    return cosim, decoder


def run_cosim(cosim: Cosim, decoder: IntegerDecoder, progress: Progress | None = None) -> None:
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


def _tell(progress: Progress, window: range, token_index: int) -> None:
    """A stage for the reference alone, one for both."""
    if token_index in window:
        progress("lock-step", token_index - window.start + 1, len(window))
    else:
        progress("reference", token_index + 1, window.start)


def take_clips(model: VideoModel, name: str, argument: str, count: int) -> Clips:
    """The first clips of a recording; an error names the argument that asked for too many."""
    clips = model.load_clips(name)
    if count > len(clips.prompts):
        limit = f"at most {len(clips.prompts)}, the recorded {name} clips"
        raise ArgumentError(argument, count, limit)
    return clips.take(count)


def quantize_video_model(model: VideoModel, num_clips: int) -> IntegerModel:
    """Integer constants with scales from the first calibration clips."""
    clips = take_clips(model, "calibration", "calibration_clips", num_clips)
    fed = model.geometry.frames * model.geometry.tokens_per_frame - 1
    prompt_ids = model.encode_prompts(clips.prompts).conditional
    return quantize_checkpoint(model.config, model.weights, prompt_ids, clips.token_ids[:, :fed])


def calibrate_gate(
    request: CosimRequest, model: VideoModel, progress: Progress | None = None
) -> Gate:
    """A gate that replays the target share of the eligible decisions of every layer.

    The measures are those of a dense float run over the calibration clips.
    """
    tokens_per_frame, frames = model.geometry.tokens_per_frame, model.geometry.frames
    clips = take_clips(model, "calibration", "calibration_clips", request.calibration_clips)
    ceiling = compute_ceiling(frames * tokens_per_frame - 1, tokens_per_frame)

    def measure(gate: ThresholdGate) -> DecisionRecord:
        return generate(
            model.config,
            model.weights,
            model.encode_prompts(clips.prompts),
            DecodeOptions(ReplayConfig(tokens_per_frame), gate),
            num_frames=frames,
            num_codes=model.codec.num_codes,
            sampling=Sampling(temperature=0),
            given_ids=clips.token_ids[:, : frames * tokens_per_frame],
            progress=None if progress is None else partial(progress, "calibrate"),
        ).record

    gate, _ = make_calibrated_gate(
        GATES[request.source],
        request.target_ratio * ceiling,
        ceiling,
        measure,
        model.config.num_hidden_layers,
        calibrate_per_layer,
    )
    return gate


def compute_dense_cycles(
    request: CosimRequest, config: AcceleratorConfig, model: IntegerModel
) -> int:
    """Cycles of one layer in which every slot computes, by the cycle model."""
    memory_map = MemoryMap(config, len(model.layers), request.batch, 1)
    everyone = np.ones(request.batch, bool)
    step = LayerStep(0, 0, DecisionSource.SCORE, 0, ~everyone, everyone)
    program = LayerCompiler(memory_map, model.layers).compile(step)
    return predict_run(config, program, everyone.tolist(), request.latency).cycles
