"""Which slots of a recorded layer replay: the request that brings it about."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

import numpy as np

from fastcar.reference.arrays import Int64Array
from fastcar.reference.integer.mlp_engine import DecisionSource, MlpRequest


class Share(Enum):
    """Which of the slots that a score or distance decides replay."""

    HALF = "half"
    """Those at or behind the median."""
    NONE = "none"
    """None: the dense layer."""
    ALL = "all"
    """All of them."""


def hold_first_slot(request: MlpRequest) -> MlpRequest:
    """The same, where slot 0 computes without a decision and all others are decided."""
    is_decided = np.arange(len(request.residual)) > 0
    return replace(request, is_decided=is_decided, is_computing=~is_decided)


def choose_threshold(source: DecisionSource, share: Share, measures: Int64Array) -> int:
    """With which a share of the measured slots replays.

    Args:
        source: what decides: a score replays from the threshold on, a distance up to it.
        share: of them.
        measures: scores or distances, at least one.

    >>> scores = np.array([5, 1, 3])
    >>> [choose_threshold(DecisionSource.SCORE, share, scores) for share in Share]
    [3, 6, 0]
    """
    ordered = [int(measure) for measure in np.sort(measures)]
    below, above = ordered[0] - 1, ordered[-1] + 1
    none, every = (above, below) if source is DecisionSource.SCORE else (below, above)
    thresholds = {Share.HALF: ordered[len(ordered) // 2], Share.NONE: none, Share.ALL: every}
    return thresholds[share]
