"""What a request makes the decoder compute, known before anything runs."""

from __future__ import annotations

from fastcar.budget_search.search import count_decodes
from fastcar.gate_choice import DEFAULT_CLOSED_LOOP_RUNS
from fastcar.reference.engine_choice import Decode
from fastcar.reference.gate_factory import THRESHOLD_GATES
from fastcar.reference.kernel_list import list_kernels
from fastcar.reference.video.model import VideoModel
from fastcar.request import BEST_GATE, DEFAULT_CALIBRATION_CLIPS, GenerationRequest
from fastcar.video_sources import VideoSources


def list_decodes(
    request: GenerationRequest, model: VideoModel, sources: VideoSources
) -> list[Decode]:
    """All runs of the decoder, with as many corrective ones as there may be at most."""
    num_videos, prompt_tokens = sources.encoded.conditional.shape
    rows_per_video = 1 if request.guidance is None else 2
    steps = request.get_frames(model) * model.tokens_per_frame - 1
    one = Decode(rows_per_video * num_videos, prompt_tokens, steps)
    decodes = [one] * (2 * request.repeats)  # dense and with replay
    is_open = request.tau is None and request.max_error is None and not request.adaptive
    clips, runs = request.calibration_clips, request.closed_loop_runs
    clips = DEFAULT_CALIBRATION_CLIPS if clips is None else clips
    calibrating = Decode(rows_per_video * clips, prompt_tokens, steps)
    if request.correct is not None:
        decodes.append(calibrating)
    if request.gate == BEST_GATE:
        decodes += [calibrating] * count_decodes(model.config.num_hidden_layers)
    if is_open and request.gate in (*THRESHOLD_GATES, BEST_GATE):
        decodes.append(calibrating)
        decodes += [one] * (DEFAULT_CLOSED_LOOP_RUNS if runs is None else runs)
    return decodes


def list_request_kernels(
    request: GenerationRequest, model: VideoModel, decodes: list[Decode]
) -> frozenset[str]:
    """Names of the compiled kernels that these decodes call."""
    is_searched = request.gate == BEST_GATE  # gates of both kinds, with and without correction
    is_fitted = is_searched or request.correct is not None
    return list_kernels(
        model.config,
        model.weights,
        decodes,
        request.kv_cache,
        is_certified=request.max_error is not None,
        gate=request.gate,
        is_fitted=is_fitted,
        is_corrected=is_fitted or request.correction is not None,
    )
