"""The search of a request, on calibration clips, before its videos are decoded (D-69)."""

from __future__ import annotations

from dataclasses import replace

from fastcar.budget_search.clips import SearchClips
from fastcar.budget_search.search import BudgetSearch, search_budget
from fastcar.reference.progress import StageProgress
from fastcar.reference.video.model import VideoModel
from fastcar.request import GenerationRequest, get_calibration_rows


def choose_for_budget(
    request: GenerationRequest, model: VideoModel, progress: StageProgress | None = None
) -> tuple[BudgetSearch, GenerationRequest]:
    """What was tried, and the request with gate, correction and warm-up of the best.

    Args:
        request: with the gate "best" and a budget; its engine is decided.
        model: a video model.
        progress: told of the stages "search" and "fit".

    Raises:
        ArgumentError: a budget that no gate can keep, or too few frames to tell gates apart.
    """
    assert request.budget is not None, "the request was checked"
    clips = SearchClips(model, request, get_calibration_rows(request, model), progress=progress)
    search = search_budget(clips, request.budget)
    chosen = search.chosen.candidate
    found = replace(
        request,
        gate=chosen.gate,
        correction=clips.get_correction(chosen.rank),
        warmup_frames=chosen.warmup_frames,
        closed_loop_runs=request.closed_loop_runs if search.uses_thresholds else None,
    )
    return search, found
