"""VILA-U videos dense and with replay, from the same seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.frame_size import check_frame_size
from fastcar.gate_choice import (
    CLOSE_ENOUGH,
    DEFAULT_CLOSED_LOOP_RUNS,
    GateChoice,
    choose_uncalibrated_gate,
    describe_calibration,
)
from fastcar.generation import Generation
from fastcar.reference.calibration import calibrate_per_layer, calibrate_uniform
from fastcar.reference.engine_choice import NUMBA, Decode, EngineChoice
from fastcar.reference.engine_factory import select_engine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import (
    THRESHOLD_GATES,
    calibrate_thresholds,
    make_measuring_gate,
)
from fastcar.reference.gates.gate import Gate, ThresholdGate
from fastcar.reference.generate import Prompts
from fastcar.reference.kernel_list import list_kernels
from fastcar.reference.kernel_marks import leave_mark
from fastcar.reference.progress import StageProgress
from fastcar.reference.records import DecodeResult, ReplayRecord
from fastcar.reference.replay import Semantics
from fastcar.reference.sampling import Sampling
from fastcar.reference.vila_u.generate import generate_codes
from fastcar.reference.vila_u.sampling import CodeSampling
from fastcar.reference.vila_u.trace import GUIDANCE, VilaUOptions
from fastcar.request import GenerationRequest
from fastcar.video_sources import VideoSources
from fastcar.vila_u_videos import VilaUVideos, compute_luminance

PUBLISHED_SAMPLING = Sampling(**vars(CodeSampling()))
"""Where a request leaves open how codes are drawn (D-63)."""

_REFUSED = {
    "clips": ("continue", "VILA-U has no recorded clips"),
    "calibration_clips": ("calibration_clips", "VILA-U has no recorded clips"),
    "max_error": ("max_error", "certified errors are not computed of VILA-U"),
    "correct": ("correct", "VILA-U has no recorded clips"),
    "correction": ("correction", "trace alone corrects replays of VILA-U"),
}
"""Of a request, what VILA-U cannot serve: its name for users, and why (O-54)."""


@dataclass(frozen=True)
class VilaUGeneration(Generation):
    """Videos of one request; codes [b, T, D] stand where other models have token ids.

    Attributes:
        dense_frames: [b, frames, h, w, 3], decoded without a gate.
        replay_frames: likewise with replay.
    """

    model: Any  # VilaUVideos
    dense_frames: NDArray[np.uint8] = None  # type: ignore[assignment]
    replay_frames: NDArray[np.uint8] = None  # type: ignore[assignment]

    @property
    def dense_pixels(self) -> NDArray[np.float32]:
        """[b, frames, h, w] in [0, 1], their luminance."""
        return compute_luminance(self.dense_frames)

    @property
    def replay_pixels(self) -> NDArray[np.float32]:
        """Likewise with replay."""
        return compute_luminance(self.replay_frames)

    @property
    def is_coloured(self) -> bool:
        """They are."""
        return True

    @property
    def dense_colours(self) -> NDArray[np.uint8]:
        """[b, frames, h, w, 3]."""
        return self.dense_frames

    @property
    def replay_colours(self) -> NDArray[np.uint8]:
        """Likewise with replay."""
        return self.replay_frames


def run_vila_u_generation(
    videos: VilaUVideos, request: GenerationRequest, progress: StageProgress | None = None
) -> VilaUGeneration:
    """Choose the gate, decode dense and with replay in turn, `repeats` times, then draw.

    There are no recorded clips: thresholds are calibrated on the very videos that are asked for,
    drawn dense (D-60).

    Args:
        videos: model and prompts.
        request: what to generate; its prompts stand in `videos`.
        progress: called after every position.

    Raises:
        ArgumentError: a request that the model cannot serve.
    """
    for field, (name, reason) in _REFUSED.items():
        if getattr(request, field):
            raise ArgumentError(name, getattr(request, field), f"left out: {reason}")
    check_frame_size(*videos.pixels.config.picture_shape[1:])
    as_model: Any = videos
    frames = request.get_frames(as_model)
    engine, kernels = _choose_engine(videos, request, frames)
    run = _Runner(videos, replace(request, engine=engine.name), frames, progress)
    choice = run.choose_gate()
    dense: list[DecodeResult] = []
    replayed: list[DecodeResult] = []
    for number in range(1, request.repeats + 1):
        for kind, gate, results in (("dense", None, dense), ("replay", choice.gate, replayed)):
            results.append(run.decode(gate, f"{kind} {number}/{request.repeats}"))
    if engine.name == NUMBA:
        leave_mark(kernels)
    half = videos.rows.ids[: len(videos.labels)]
    prompts: Any = videos.labels
    dense_frames, replay_frames = _render(videos, dense[0], replayed[0])
    return VilaUGeneration(
        request,
        videos,
        frames,
        VideoSources(videos.labels, prompts, Prompts(half, half), None),
        choice,
        dense[0],
        replayed[0],
        tuple(result.seconds for result in dense),
        tuple(result.seconds for result in replayed),
        engine,
        None,
        dense_frames=dense_frames,
        replay_frames=replay_frames,
    )


@dataclass(frozen=True)
class _Runner:
    """Decodes the videos of a request.

    Attributes:
        videos: model and prompts.
        request: with its engine decided.
        frames: of each video.
        progress: told of stages.
    """

    videos: VilaUVideos
    request: GenerationRequest
    frames: int
    progress: StageProgress | None

    def decode(self, gate: Gate | None, stage: str) -> DecodeResult:
        """All videos once; the same arguments give the same codes."""
        request, videos = self.request, self.videos
        decided = request.make_decode_options(videos.tokens_per_frame, gate)
        options = VilaUOptions(
            decided.replay,
            decided.gate,
            decided.sparse,
            decided.fused,
            decided.engine,
            decided.cache_storage,
            GUIDANCE if request.guidance is None else request.guidance,
        )
        sampling = request.sampling
        found = generate_codes(
            videos.model,
            videos.rows.ids,
            videos.rows.mask,
            options,
            num_frames=self.frames,
            sampling=CodeSampling(sampling.temperature, sampling.top_k, sampling.top_p),
            seed=request.seed,
            progress=None if self.progress is None else partial(self.progress, stage),
        )
        nats, top_1 = found.nats.sum(axis=-1), np.asarray(found.top_1.all(axis=-1))
        return DecodeResult(found.codes, found.record, nats, top_1, found.seconds)

    def choose_gate(self) -> GateChoice:
        """Of thresholds, of a ratio, or calibrated on a dense run of the same videos."""
        request, as_model = self.request, self._as_model
        chosen = choose_uncalibrated_gate(request, as_model)
        if chosen is not None:
            return chosen
        layers, runs = self.videos.config.num_hidden_layers, request.closed_loop_runs
        found = calibrate_thresholds(
            request.gate,
            request.get_ratio(as_model),
            self._decode_record,
            layers,
            calibrate_per_layer if request.per_layer else calibrate_uniform,
            corrective_runs=DEFAULT_CLOSED_LOOP_RUNS if runs is None else runs,
            tolerance=CLOSE_ENOUGH,
            strict=request.semantics is Semantics.PUBLISHED,
            dense=self.decode(make_measuring_gate(request.gate, layers), "calibrate").record,
        )
        return describe_calibration(request, as_model, found)

    def _decode_record(self, gate: ThresholdGate) -> ReplayRecord:
        return self.decode(gate, "correct").record

    @property
    def _as_model(self) -> Any:
        """What a request asks of a video model, these videos answer too."""
        return self.videos


def _choose_engine(
    videos: VilaUVideos, request: GenerationRequest, frames: int
) -> tuple[EngineChoice, frozenset[str]]:
    """What computes, and the kernels that it calls."""
    rows, prompt_tokens = videos.rows.ids.shape
    is_calibrated = request.tau is None and not request.adaptive and request.gate in THRESHOLD_GATES
    runs = request.closed_loop_runs
    count = 1 + (DEFAULT_CLOSED_LOOP_RUNS if runs is None else runs) if is_calibrated else 0
    one = Decode(rows, prompt_tokens, frames * videos.tokens_per_frame - 1)
    decodes = [one] * (2 * request.repeats + count)
    kernels = list_kernels(
        videos.config, videos.weights, decodes, request.kv_cache, draws=False, gate=request.gate
    )
    chosen = select_engine(request.engine, videos.config, videos.weights, decodes, kernels)
    return chosen[1], kernels


def _render(
    videos: VilaUVideos, dense: DecodeResult, replayed: DecodeResult
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pictures of both; where their codes are the same they are drawn once."""
    first = videos.render(dense.token_ids)
    if np.array_equal(dense.token_ids, replayed.token_ids):
        return first, first
    return first, videos.render(replayed.token_ids)
