"""The videos of a request decoded once, with or without a gate."""

from __future__ import annotations

from functools import partial

from fastcar.reference.arrays import TokenIds
from fastcar.reference.gates.gate import Gate
from fastcar.reference.generate import generate
from fastcar.reference.progress import StageProgress
from fastcar.reference.records import DecodeResult
from fastcar.reference.video.model import VideoModel
from fastcar.request import GenerationRequest
from fastcar.video_sources import VideoSources


def decode_videos(
    model: VideoModel,
    request: GenerationRequest,
    sources: VideoSources,
    gate: Gate | None,
    stage: str,
    progress: StageProgress | None = None,
) -> DecodeResult:
    """Decode the videos of a request; the same arguments give the same tokens.

    Args:
        model: a video model.
        request: how they are decoded.
        sources: what each starts from.
        gate: decides replays; None = dense.
        stage: what `progress` is told.
        progress: called after every token.
    """
    given: TokenIds | None = None
    if sources.truth_ids is not None:
        given = sources.truth_ids[:, : request.given_frames * model.tokens_per_frame]
    return generate(
        model.config,
        model.weights,
        sources.encoded,
        request.make_decode_options(model.tokens_per_frame, gate),
        num_frames=request.get_frames(model),
        num_codes=model.num_codes,
        sampling=request.sampling,
        seed=request.seed,
        given_ids=given,
        progress=None if progress is None else partial(progress, stage),
    )
