"""Searches on a tiny model: within the budget, and never worse than the best single gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastcar.budget_search.candidates import Allocation, Candidate, Trial, choose_trial
from fastcar.budget_search.clips import SearchClips
from fastcar.budget_search.search import BudgetSearch, make_calibration, search_budget
from fastcar.reference.calibration import calibrate_per_layer
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.input import InputGate
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import load_video_model
from fastcar.request import GenerationRequest
from tests.fastcar.tiny_video_model import save_tiny_video_model

BUDGET = 0.75
GATES = ("tas", "input", "random")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> SearchClips:
    directory: Path = save_tiny_video_model(tmp_path_factory.mktemp("model"))
    model = load_video_model(directory)
    request = GenerationRequest(engine="numpy", gate="best", budget=BUDGET, frames=3)
    return SearchClips(model, request, model.load_rows("calibration"))


@pytest.fixture(scope="module")
def search(clips: SearchClips) -> BudgetSearch:
    return search_budget(clips, BUDGET, GATES, ranks=(2, 99))


def test_every_kind_of_candidate_is_tried(search: BudgetSearch) -> None:
    tried = [trial.candidate for trial in search.trials]
    assert [one.gate for one in tried[:3]] == list(GATES)
    assert {one.rank for one in tried} == {0, 2}, "a rank above the width is left out"
    assert len(set(tried)) == len(tried)


def test_layers_and_warm_up_are_tried_from_the_best_so_far(clips: SearchClips) -> None:
    search = search_budget(clips, 0.8, ("input",), ranks=())
    tried = [trial.candidate for trial in search.trials]
    assert tried[:3] == [Candidate("input", allocation=one) for one in Allocation]
    best = choose_trial(list(search.trials[:3]), 0.8).candidate
    assert tried[3:] == [replace(best, warmup_frames=2)]
    warm = search.trials[3].make_gate(clips.request, clips.model)
    assert (
        not clips.decode(tried[3], warm).record.eligible[: 2 * clips.model.tokens_per_frame].any()
    )


def test_what_is_chosen_keeps_the_budget_and_loses_least(search: BudgetSearch) -> None:
    assert search.chosen.mlp_share <= BUDGET + 0.005
    kept = [trial for trial in search.trials if trial.mlp_share <= BUDGET + 0.005]
    assert search.chosen.loss == min(trial.loss for trial in kept)
    assert search.best_single in search.trials
    assert search.chosen.loss <= search.best_single.loss
    assert search.best_single.candidate.rank == 0


def test_a_trial_is_what_its_gate_does_on_the_clips(
    clips: SearchClips, search: BudgetSearch
) -> None:
    dense = clips.score(clips.decode(Candidate("input"), None))
    for trial in search.trials:
        gate = trial.make_gate(clips.request, clips.model)
        result = clips.decode(trial.candidate, gate)
        assert result.record.replay_ratio == trial.ratio
        assert tuple((clips.score(result) - dense).tolist()) == trial.excess
        share = clips.compute_share(trial.candidate, gate, result.record)
        assert share == trial.mlp_share
        # an MLP takes 3 x 16 x 24 products, a distance 16, a correction 2 x 16 of each rank
        measured = result.record.eligible.mean() if trial.candidate.gate == "input" else 0
        saved = trial.ratio * (1 - trial.candidate.rank * 2 / 72)
        assert np.isclose(share, 1 - saved + measured / 72)


def test_curves_are_of_layers_that_replay_alone(clips: SearchClips) -> None:
    curves = clips.get_curves(Candidate("input"))
    assert len(curves) == clips.model.config.num_hidden_layers
    ceiling = float(clips.get_dense(Candidate("input")).eligible.mean())
    for curve in curves:
        shares = [share for share, _ in curve]
        assert shares == sorted(shares)
        assert shares[-1] == ceiling, "the last point replays all that may"
        assert any(loss != 0 for _, loss in curve)
    never = [float("-inf")] * 3
    for layer, curve in enumerate(curves):
        alone = FixedThresholds([*never[:layer], float("inf"), *never[layer + 1 :]])
        trial, _ = clips.try_gate(Candidate("input"), InputGate(alone), never)
        assert curve[-1] == (ceiling, trial.loss)


def test_layers_are_spread_as_the_candidate_says(clips: SearchClips) -> None:
    dense = clips.get_dense(Candidate("input"))
    equal = Candidate("input", allocation=Allocation.EQUAL)
    assert make_calibration(clips, equal) is calibrate_per_layer
    by_curves = make_calibration(clips, replace(equal, allocation=Allocation.CURVES))
    thresholds = by_curves(dense, 0.3, False)
    assert thresholds != calibrate_per_layer(dense, 0.3, False)
    replayed = (dense.measures <= np.array(thresholds)[:, None]) & dense.eligible
    assert replayed.mean() == pytest.approx(0.3, abs=0.02)


def make_trial(share: float, loss: float) -> Trial:
    return Trial(Candidate("tas"), (), 0.0, 1 - share, share, (loss, loss))


def test_a_smaller_loss_beyond_the_budget_does_not_count() -> None:
    trials = [make_trial(0.62, 0.1), make_trial(0.6, 0.3), make_trial(0.5, 0.3)]
    assert choose_trial(trials, 0.6) is trials[1]
    assert choose_trial(trials, 0.7) is trials[0]
    assert choose_trial(trials, 0.4) is trials[2], "none keeps it: the nearest"


def test_budgets_and_clips_that_cannot_be_searched_are_refused(clips: SearchClips) -> None:
    with pytest.raises(ArgumentError, match=r"^budget = 0.05: must be from 0\.\d+ to 1$"):
        search_budget(clips, 0.05, GATES)
    with pytest.raises(ArgumentError, match=r"^frames = 2: must be at least 3 for a search"):
        SearchClips(clips.model, replace(clips.request, frames=2), clips.rows)


@pytest.mark.parametrize(
    "given",
    [
        {"tau": (0.5,)},
        {"target_ratio": 0.5},
        {"correct": 4},
        {"per_layer": True},
        {"adaptive": True},
    ],
)
def test_what_the_search_finds_is_not_given(given: dict[str, object]) -> None:
    (name, _), *_ = given.items()
    with pytest.raises(ArgumentError, match=rf"^({name}|budget) = "):
        GenerationRequest(gate="best", budget=0.6, **given)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"^gate = 'best': must be given with budget$"):
        GenerationRequest(gate="best")
