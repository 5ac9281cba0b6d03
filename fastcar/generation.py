"""Generate a batch of videos twice, dense and with replay, from the same seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fastcar.budget_search.choice import choose_for_budget
from fastcar.budget_search.search import BudgetSearch
from fastcar.colours import colour_frames
from fastcar.correction_choice import choose_correction
from fastcar.decode_plan import list_decodes, list_request_kernels
from fastcar.decoding import decode_videos
from fastcar.frame_size import check_frame_size
from fastcar.gate_choice import GateChoice, choose_gate
from fastcar.reference.arguments import check_argument
from fastcar.reference.correction import Correction
from fastcar.reference.engine_choice import NUMBA, EngineChoice
from fastcar.reference.engine_factory import select_engine
from fastcar.reference.kernel_marks import leave_mark
from fastcar.reference.progress import StageProgress
from fastcar.reference.records import DecodeResult
from fastcar.reference.video.model import VideoModel
from fastcar.request import BEST_GATE, GenerationRequest
from fastcar.video_sources import VideoSources, get_sources

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Generation:
    """Videos of one request, dense and with replay.

    Attributes:
        request: what was asked for; under the gate "best" with what was found in its place.
        model: what generated.
        frames: T of each video.
        sources: prompt, clip or neither of each video.
        choice: the gate and its thresholds.
        dense: first run without a gate.
        replay: first run with the gate.
        dense_seconds: decode time by part of every dense run.
        replay_seconds: likewise with replay.
        engine: what computed, and why (D-51).
        correction: of replayed outputs; None = plain replay (D-53).
        search: what the gate "best" tried; None for others (D-69).
    """

    request: GenerationRequest
    model: VideoModel
    frames: int
    sources: VideoSources
    choice: GateChoice
    dense: DecodeResult
    replay: DecodeResult
    dense_seconds: tuple[dict[str, float], ...]
    replay_seconds: tuple[dict[str, float], ...]
    engine: EngineChoice
    correction: Correction | None = None
    search: BudgetSearch | None = None

    @property
    def dense_pixels(self) -> Pixels:
        """[videos, T, H, W] in [0, 1], decoded without a gate."""
        return self.model.render(self.dense.token_ids)

    @property
    def replay_pixels(self) -> Pixels:
        """[videos, T, H, W] in [0, 1], decoded with replay."""
        return self.model.render(self.replay.token_ids)

    @property
    def is_coloured(self) -> bool:
        """Whether pictures are more than grey."""
        return False

    @property
    def dense_colours(self) -> NDArray[np.uint8]:
        """[videos, T, H, W, 3], what pictures show of `dense_pixels`."""
        return colour_frames(self.dense_pixels)

    @property
    def replay_colours(self) -> NDArray[np.uint8]:
        """Likewise of `replay_pixels`."""
        return colour_frames(self.replay_pixels)

    @property
    def truth_pixels(self) -> Pixels | None:
        """[videos, frames, H, W] of continued clips, at most T frames; None for others."""
        if self.sources.truth_ids is None:
            return None
        tokens = self.frames * self.model.geometry.tokens_per_frame
        return self.model.render(self.sources.truth_ids[:, :tokens])


def run_generation(
    model: VideoModel, request: GenerationRequest, progress: StageProgress | None = None
) -> Generation:
    """Choose the gate, then decode dense and with replay in turn, `repeats` times.

    The dense run has no gate at all. The two kinds alternate so that a machine that slows down or
    speeds up treats both alike; all runs of a kind produce the same tokens.

    Args:
        model: a video model.
        request: what to generate.
        progress: called after every token.

    Raises:
        ArgumentError: a request that the model cannot serve.
    """
    check_argument("model", model, VideoModel)
    check_argument("request", request, GenerationRequest)
    check_frame_size(model.geometry.canvas_pixels, model.geometry.canvas_pixels)
    frames = request.get_frames(model)
    sources = get_sources(request, model)
    decodes = list_decodes(request, model, sources)
    kernels = list_request_kernels(request, model, decodes)
    _, engine = select_engine(request.engine, model.config, model.weights, decodes, kernels)
    decided = replace(request, engine=engine.name)
    search = None
    if request.gate == BEST_GATE:
        search, decided = choose_for_budget(decided, model, progress)
        request = replace(decided, engine=request.engine, correction=None)
        request = replace(request, correct=search.chosen.candidate.rank or None)
    correction = choose_correction(decided, model, progress)
    decided = replace(decided, correct=None, correction=correction)
    calibrate = None if search is None else search.calibrate
    choice = choose_gate(decided, model, progress, sources, calibrate)
    dense: list[DecodeResult] = []
    replay: list[DecodeResult] = []
    for number in range(1, request.repeats + 1):
        for kind, gate, results in (("dense", None, dense), ("replay", choice.gate, replay)):
            stage = f"{kind} {number}/{request.repeats}"
            results.append(decode_videos(model, decided, sources, gate, stage, progress))
    if engine.name == NUMBA:
        leave_mark(kernels)
    return Generation(
        request,
        model,
        frames,
        sources,
        choice,
        dense[0],
        replay[0],
        tuple(result.seconds for result in dense),
        tuple(result.seconds for result in replay),
        engine,
        correction,
        search,
    )
