"""Budgets: what the search chooses on calibration clips, and what it is worth on held-out ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastcar.budget_search.candidates import Allocation, Trial, choose_trial
from fastcar.budget_search.clips import SearchClips
from fastcar.budget_search.description import describe_search
from fastcar.budget_search.search import BudgetSearch, search_budget
from fastcar.request import BEST_GATE, GenerationRequest
from tools.replay_value.clip_sets import ClipSet
from tools.replay_value.measure import Settings, describe_quality, load

Fields = dict[str, Any]

BUDGETS = (0.6, 0.35)
"""Shares of the dense MLP multiplications."""
SEARCHED = {"digits": 2, "real": 1}
"""Calibration clips that are decoded, as `load_clip_set` counts: 8 and 13."""
FRAMES = 8
"""Of every clip; the search decodes them dozens of times for each budget."""


def measure_budget(name: str, settings: Settings, budget: float) -> Fields:
    """A search for a budget, and on held-out clips what it chose and the best single gate."""
    clips = load(name, replace(settings, calibration=SEARCHED.get(name, settings.calibration)))
    frames = min(FRAMES, clips.model.num_frames)
    # what is searched is what `generate --gate best` searches, with other clips
    request = GenerationRequest(
        gate=BEST_GATE, budget=budget, frames=frames, engine=settings.engine
    )
    searched = SearchClips(clips.model, request, clips.calibration)
    search = search_budget(searched, budget)
    compared = select_compared(search)
    decoded = {one: decode_held_out(searched, clips, search.trials[one]) for one in set(compared)}
    dense = searched.decode(search.chosen.candidate, None, clips.held_out)
    return {
        "budget": budget,
        "search": describe_search(search),
        "compared": compared,
        "held_out": [decoded[one] for one in compared],
        "dense": describe_quality(dense, clips),
    }


def select_compared(search: BudgetSearch) -> list[int]:
    """Indices of the best single gate, the best with one threshold, corrected or not, the chosen.

    The first two have the shortest warm-up.
    """
    shortest = search.trials[0].candidate.warmup_frames
    uniform = [
        trial
        for trial in search.trials
        if trial.candidate.allocation is Allocation.UNIFORM
        and trial.candidate.warmup_frames == shortest
    ]
    best = search.best_single, choose_trial(uniform, search.budget), search.chosen
    return [search.trials.index(one) for one in best]


def decode_held_out(searched: SearchClips, clips: ClipSet, trial: Trial) -> Fields:
    """Work and quality of a trial on the held-out clips, with the thresholds that it has."""
    gate = trial.make_gate(searched.request, clips.model)
    result = searched.decode(trial.candidate, gate, clips.held_out)
    return {
        "ratio": result.record.replay_ratio,
        "mlp_share": searched.compute_share(trial.candidate, gate, result.record),
        **describe_quality(result, clips),
    }
