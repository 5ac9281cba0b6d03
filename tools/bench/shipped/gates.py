"""Gates of the turns: set to a share of all tokens, or to a number of computing rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastcar.reference.arrays import BoolArray
from fastcar.reference.calibration import calibrate_uniform, get_never
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.planned import PlannedGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.records import ReplayRecord
from fastcar.reference.thresholds import FixedThresholds, Measures

GATES: dict[str, type[ThresholdGate]] = {
    "tas": TemporalAttentionScoreGate,
    "input": InputGate,
}
"""Gates that look; `EvenGate` is the one that plans."""


class RowsGate(PlannedGate):
    """The first rows compute, the others replay wherever they may.

    Args:
        num_rows: that compute.
    """

    name = "rows"

    def __init__(self, num_rows: int) -> None:
        self.num_rows = num_rows

    def measure(self, query: GateQuery) -> Measures:
        """Looks at nothing."""
        return np.full(len(query.eligible), np.nan)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Rows behind the first ones."""
        return np.arange(len(query.eligible)) >= self.num_rows

    def plan(self, tokens: range) -> tuple[Measures, BoolArray]:
        """The same in every token and layer."""
        shape = len(tokens), self._layers, self._rows
        decisions = np.broadcast_to(np.arange(self._rows) >= self.num_rows, shape)
        return np.full(shape, np.nan), decisions.copy()


def make_gate(name: str, threshold: float, num_layers: int) -> ThresholdGate:
    """A gate of `GATES` with one threshold for all layers."""
    return GATES[name](FixedThresholds([threshold] * num_layers))


def calibrate(
    run: Callable[[float], ReplayRecord], higher_is_safer: bool, ratio: float, num_runs: int
) -> float:
    """Threshold under which a gate replays about a share of all tokens.

    Replaying moves the measures, so the share that a threshold has on those of a dense run is not
    the one it brings. The former is moved by what the latter is off, between shares that were seen
    to bring too little and too much; the threshold that came closest is taken.

    Args:
        run: decodes under a threshold.
        higher_is_safer: orientation of the gate's measure.
        ratio: share of all fed tokens and layers.
        num_runs: most runs behind the dense one, at least 1.
    """
    record = run(get_never(higher_is_safer))
    share, low, high = ratio, 0.0, 1.0
    tried: dict[float, float] = {}
    for _ in range(num_runs):
        threshold = calibrate_uniform(record, share, higher_is_safer)[0]
        found = run(threshold).replay_ratio
        tried[threshold] = found
        if found == ratio:
            break
        low, high = (share, high) if found < ratio else (low, share)
        moved = share + ratio - found
        share = moved if low < moved < high else (low + high) / 2
    return min(tried, key=lambda candidate: abs(tried[candidate] - ratio))
