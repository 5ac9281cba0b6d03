"""What a budget may be spent on, and what came of it on the calibration clips."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from fastcar.metrics import compute_standard_error
from fastcar.reference.gate_factory import THRESHOLD_GATES, make_ratio_gate, make_threshold_gate
from fastcar.reference.gates.gate import Gate
from fastcar.reference.replay import Semantics
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import VideoModel
from fastcar.request import GenerationRequest

BUDGET_TOLERANCE = 0.005
"""Share of the dense multiplications by which a run may exceed a budget that it keeps."""


class Allocation(Enum):
    """How a ratio is spread over the layers."""

    UNIFORM = "uniform"
    """One threshold for all layers."""
    EQUAL = "equal"
    """A threshold per layer, each layer replaying the same share."""
    CURVES = "curves"
    """A threshold per layer, shares by the loss of replay in each layer alone."""


@dataclass(frozen=True)
class Candidate:
    """One way to spend a budget.

    Attributes:
        gate: of `SEARCHED_GATES`.
        rank: of the correction; 0 = plain replay.
        warmup_frames: frames at the start that never replay.
        allocation: of the ratio to layers.
    """

    gate: str
    rank: int = 0
    warmup_frames: int = 1
    allocation: Allocation = Allocation.UNIFORM


@dataclass(frozen=True)
class Trial:
    """A candidate decoded on the calibration clips with thresholds for the budget.

    Attributes:
        candidate: what was tried.
        thresholds: per layer; empty for gates without.
        eligible_ratio: what a gate without thresholds replays of the eligible decisions.
        ratio: replayed share of all decisions.
        mlp_share: multiplications of MLPs, gate and correction over those of dense MLPs (D-55).
        excess: of each clip, nats per token above its dense run, from the third frame on.
    """

    candidate: Candidate
    thresholds: tuple[float, ...]
    eligible_ratio: float
    ratio: float
    mlp_share: float
    excess: tuple[float, ...] = field(repr=False)

    @property
    def loss(self) -> float:
        """Mean excess over the clips, nats per token."""
        return float(np.mean(self.excess))

    @property
    def error(self) -> float:
        """Its standard error across clips."""
        return compute_standard_error(np.array(self.excess))

    def keeps(self, budget: float) -> bool:
        """Whether it takes no more than the budget, but for the tolerance."""
        return self.mlp_share <= budget + BUDGET_TOLERANCE

    def make_gate(self, request: GenerationRequest, model: VideoModel) -> Gate:
        """A fresh gate that decides as the tried one did."""
        name = self.candidate.gate
        if name not in THRESHOLD_GATES:
            return make_ratio_gate(name, self.eligible_ratio, request.seed)
        is_strict = request.semantics is Semantics.PUBLISHED
        thresholds = FixedThresholds(self.thresholds)
        return make_threshold_gate(name, thresholds, is_strict, model.codebook)


def choose_trial(trials: list[Trial], budget: float) -> Trial:
    """The least loss among those that keep the budget, the earliest of equals.

    Where none keeps it, the one that exceeds it least.
    """
    kept = [trial for trial in trials if trial.keeps(budget)]
    if kept:
        return min(kept, key=lambda trial: trial.loss)
    return min(trials, key=lambda trial: trial.mlp_share)
