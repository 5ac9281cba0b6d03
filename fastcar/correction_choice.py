"""The correction of a request: from a file, or fitted to the model's calibration clips (D-53)."""

from __future__ import annotations

from functools import partial

from fastcar.reference.clip_model import TokenRows
from fastcar.reference.clips import decode_rows
from fastcar.reference.correction import Correction, load_correction
from fastcar.reference.correction_calibration import (
    ChangeCollector,
    ChangeMoments,
    check_rank,
    fit_correction,
)
from fastcar.reference.progress import StageProgress
from fastcar.reference.video.model import VideoModel
from fastcar.request import GenerationRequest, get_calibration_rows


def choose_correction(
    request: GenerationRequest, model: VideoModel, progress: StageProgress | None = None
) -> Correction | None:
    """What corrects replayed outputs; None = nothing does.

    Args:
        request: what is asked for; its engine is decided.
        model: a video model.
        progress: told of the stage "fit" where clips are decoded.

    Raises:
        ArgumentError: a rank above the model's width, or factors of another model.
        CheckpointError: a file that cannot be used.
    """
    correction = request.correction
    if correction is not None:
        if not isinstance(correction, Correction):
            correction = load_correction(correction)
        correction.check_model(model.config)
        return correction
    if request.correct is None:
        return None
    check_rank(request.correct, model.config.hidden_size)
    rows = get_calibration_rows(request, model)
    moments, source = collect_moments(request, model, rows, progress)
    return fit_correction(moments, request.correct, source)


def collect_moments(
    request: GenerationRequest,
    model: VideoModel,
    rows: TokenRows,
    progress: StageProgress | None = None,
) -> tuple[ChangeMoments, str]:
    """What corrections of any rank are fitted to, from one dense run; and what it is, in words."""
    frames = min(request.get_frames(model), rows.count_frames(model.tokens_per_frame))
    collector = ChangeCollector(model.config)
    options = request.make_decode_options(model.tokens_per_frame, collector, is_plain=True)
    tell = None if progress is None else partial(progress, "fit")
    decode_rows(model, rows, options, frames, progress=tell)
    source = f"{len(rows)} calibration clips of {frames} frames of {model.name}"
    return collector.moments, source
