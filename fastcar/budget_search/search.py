"""Gates first, then corrections of the best, then layers and warm-up of the best (D-69).

What is chosen loses least of all that was decoded on the calibration clips within the budget, every
single gate with one threshold among it: on these clips it is never worse than the best of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from fastcar.budget_search.candidates import Allocation, Candidate, Trial, choose_trial
from fastcar.budget_search.clips import CURVE_SHARES, SearchClips
from fastcar.reference.allocation import calibrate_allocated
from fastcar.reference.calibration import (
    Calibration,
    calibrate_per_layer,
    calibrate_uniform,
    compute_eligible_ratio,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import (
    THRESHOLD_GATES,
    calibrate_thresholds,
    make_ratio_gate,
)
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.records import ReplayRecord

SEARCHED_GATES = ("tas", "input", "input-relative", "random", "periodic")
"""Gates that are tried: causal ones of single tokens that meet a ratio in few corrective runs."""

SEARCHED_RANKS = (8, 32)
"""Ranks of corrections, as far as the model is wide."""

WARMUP_STEPS = (1,)
"""Frames that are tried beyond those that may not replay anyway."""

CORRECTIVE_RUNS = 4
RATIO_TOLERANCE = 0.004
"""Of the replay ratio on the calibration clips; below the tolerance of the budget."""


@dataclass(frozen=True)
class BudgetSearch:
    """What was tried for a budget, and what it is spent on.

    Attributes:
        budget: share of the dense MLP multiplications.
        trials: of every candidate, in the order in which they were tried.
        chosen: the least loss within the budget.
        best_single: the same among gates with one threshold for all layers and plain replay.
        calibrate: from a record and a ratio to thresholds, as the chosen candidate allocates.
    """

    budget: float
    trials: tuple[Trial, ...]
    chosen: Trial
    best_single: Trial
    calibrate: Calibration

    @property
    def uses_thresholds(self) -> bool:
        """Whether the chosen gate has any, which the videos that are asked for may correct."""
        return self.chosen.candidate.gate in THRESHOLD_GATES


def search_budget(
    clips: SearchClips,
    budget: float,
    gates: tuple[str, ...] = SEARCHED_GATES,
    ranks: tuple[int, ...] = SEARCHED_RANKS,
) -> BudgetSearch:
    """Choose gate, rank, warm-up and thresholds by loss on calibration clips.

    Args:
        clips: to decode.
        budget: share of the dense MLP multiplications, gate and correction included.
        gates: that are tried, all with plain replay.
        ranks: of corrections that the two best gates are tried with; too large ones are left out.

    Raises:
        ArgumentError: a budget that no gate can keep.
    """
    warmup = clips.request.warmup_frames
    singles = _try_all(clips, budget, [Candidate(gate, 0, warmup) for gate in gates])
    best_single = choose_trial(singles, budget)
    trials = list(singles)
    by_loss = sorted(singles, key=lambda one: (not one.keeps(budget), one.loss))
    corrected = [
        replace(one.candidate, rank=rank)
        for one in by_loss[:2]
        for rank in ranks
        if rank <= clips.model.config.hidden_size
    ]
    trials += _try_all(clips, budget, corrected, is_first=False)
    for make_more in (_spread_over_layers, _warm_up_longer):
        best = choose_trial(trials, budget).candidate
        trials += _try_all(clips, budget, make_more(best), is_first=False)
    chosen = choose_trial(trials, budget)
    calibrate = make_calibration(clips, chosen.candidate)
    return BudgetSearch(budget, tuple(trials), chosen, best_single, calibrate)


def count_decodes(num_layers: int) -> int:
    """Runs over the calibration clips, at most: what a search costs."""
    refined = len(Allocation) - 1 + len(WARMUP_STEPS)
    candidates = len(SEARCHED_GATES) + 2 * len(SEARCHED_RANKS) + refined
    return candidates * (1 + CORRECTIVE_RUNS) + num_layers * len(CURVE_SHARES) + 1


def make_calibration(clips: SearchClips, candidate: Candidate) -> Calibration:
    """From a record and a ratio to thresholds, as the candidate spreads them over layers."""
    if candidate.allocation is Allocation.CURVES:
        curves = clips.get_curves(candidate)

        def calibrate(record: ReplayRecord, ratio: float, higher_is_safer: bool) -> list[float]:
            return calibrate_allocated(record, curves, ratio, higher_is_safer)

        return calibrate
    return calibrate_per_layer if candidate.allocation is Allocation.EQUAL else calibrate_uniform


def _spread_over_layers(best: Candidate) -> list[Candidate]:
    """The same with thresholds per layer; none for a gate without thresholds."""
    if best.gate not in THRESHOLD_GATES:
        return []
    return [replace(best, allocation=one) for one in (Allocation.EQUAL, Allocation.CURVES)]


def _warm_up_longer(best: Candidate) -> list[Candidate]:
    """The same with more frames that never replay, and more replays in the others."""
    return [replace(best, warmup_frames=best.warmup_frames + step) for step in WARMUP_STEPS]


def _try_all(
    clips: SearchClips, budget: float, candidates: Iterable[Candidate], is_first: bool = True
) -> list[Trial]:
    """A trial of every candidate that can keep the budget at all."""
    trials, refusal = [], None
    for candidate in candidates:
        try:
            ratio = clips.make_request(candidate, budget).get_ratio(clips.model)
        except ArgumentError as error:
            if error.argument != "budget":
                raise
            refusal = error
            continue
        trials.append(_try(clips, budget, candidate, ratio))
    if is_first and not trials and refusal is not None:
        raise refusal
    return trials


def _try(clips: SearchClips, budget: float, candidate: Candidate, ratio: float) -> Trial:
    """The best of the runs that the calibration makes."""
    if candidate.gate not in THRESHOLD_GATES:
        ceiling = clips.make_request(candidate).get_ceiling(clips.model)
        eligible = compute_eligible_ratio(ratio, ceiling)
        gate = make_ratio_gate(candidate.gate, eligible, clips.request.seed)
        return clips.try_gate(candidate, gate, [], eligible)[0]
    trials: list[Trial] = []
    calibrate_thresholds(
        candidate.gate,
        ratio,
        partial(_run, clips, candidate, trials),
        clips.model.config.num_hidden_layers,
        make_calibration(clips, candidate),
        corrective_runs=CORRECTIVE_RUNS,
        strict=clips.is_strict,
        dense=clips.get_dense(candidate),
        tolerance=RATIO_TOLERANCE,
        codebook=clips.model.codebook,
    )
    return choose_trial(trials, budget)


def _run(
    clips: SearchClips, candidate: Candidate, trials: list[Trial], gate: ThresholdGate
) -> ReplayRecord:
    """A corrective run, which is a trial of its own."""
    layers = range(clips.model.config.num_hidden_layers)
    thresholds = [float(gate.thresholds.get(index)) for index in layers]
    trial, record = clips.try_gate(candidate, gate, thresholds)
    trials.append(trial)
    return record
