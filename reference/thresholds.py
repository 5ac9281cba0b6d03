"""Thresholds of a gate: fixed, per layer, or adapted online to a target ratio.

A gate measures how safe a replay is (a score: higher is safer; a distance: lower is safer) and
compares the measure with a threshold. Calibration from recorded measures is in
`fastcar.reference.calibration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray
from fastcar.reference.errors import ArgumentError

Measures = NDArray[np.float64]

HORIZON_DECISIONS = 64.0
"""Decisions within which an adaptive threshold makes up for what was missed (D-14)."""


class Thresholds(Protocol):
    """A threshold for every layer and row, and how it moves."""

    @property
    def num_layers(self) -> int:
        """Layers there are thresholds for."""
        ...

    def is_active(self, layer_index: int) -> bool:
        """Whether the layer may ever replay; if not, nothing is measured there."""
        ...

    def get(self, layer_index: int) -> float | Measures:
        """Threshold of a layer, one number or one per row [B]."""
        ...

    def reset(self, rows: int) -> None:
        """Start a generation of `rows` rows."""
        ...

    def update(
        self, layer_index: int, measures: Measures, eligible: BoolArray, replayed: BoolArray
    ) -> None:
        """Learn from the decisions of one step; all [B]."""
        ...


class FixedThresholds:
    """One threshold per layer, None where the layer never replays.

    >>> FixedThresholds([0.4, None]).is_active(1)
    False
    """

    def __init__(self, values: Sequence[float | None]) -> None:
        for value in values:
            if value is not None and np.isnan(value):
                raise ArgumentError("threshold", value, "a number, inf, -inf or none")
        self.values = tuple(values)

    @property
    def num_layers(self) -> int:
        """One per value."""
        return len(self.values)

    def is_active(self, layer_index: int) -> bool:
        """False where the threshold is None."""
        return self.values[layer_index] is not None

    def get(self, layer_index: int) -> float:
        """The threshold; only active layers are asked."""
        value = self.values[layer_index]
        assert value is not None, "an inactive layer has no threshold"
        return value

    def reset(self, rows: int) -> None:
        """Nothing to forget."""

    def update(
        self, layer_index: int, measures: Measures, eligible: BoolArray, replayed: BoolArray
    ) -> None:
        """Nothing to learn."""


class AdaptiveThresholds:
    """Tracks a target ratio online, for each layer and row on its own (D-14).

    A stochastic quantile estimate: after each eligible decision the threshold moves by
    gain * spread * (replayed - aim) towards fewer replays if it replayed, towards more if not;
    spread is the running mean distance of the measures from the threshold, so the gain has no unit.
    The aim is the target less what was replayed beyond it so far, over `HORIZON_DECISIONS`, within
    [0, 1]: an estimate of the quantile alone never makes up for the time that it took to settle.

    Args:
        num_layers: L.
        target_ratio: share of the eligible decisions that shall replay, in [0, 1].
        higher_is_safer: orientation of the gate's measure.
        gain: step in units of the spread, above 0.

    Attributes:
        values: [L, B], current thresholds; NaN until the first measure.
        spreads: [L, B], running mean distances of the measures.
        surpluses: [L, B], replays so far beyond the target; below 0 where they are too few.
        sign: 1 where a higher measure is safer, else -1.
    """

    def __init__(
        self, num_layers: int, target_ratio: float, higher_is_safer: bool, gain: float = 0.1
    ) -> None:
        check_ratio("target_ratio", target_ratio)
        if not 0 < gain < np.inf:
            raise ArgumentError("gain", gain, "finite and above 0")
        self._num_layers = num_layers
        self.target_ratio = target_ratio
        self.gain = gain
        self.sign = 1.0 if higher_is_safer else -1.0
        self.reset(0)

    @property
    def num_layers(self) -> int:
        """As given."""
        return self._num_layers

    def is_active(self, layer_index: int) -> bool:
        """Every layer adapts."""
        return True

    def get(self, layer_index: int) -> Measures:
        """Current thresholds of a layer, [B]; NaN (which never replays) until the first measure."""
        thresholds: Measures = self.values[layer_index]
        return thresholds

    def reset(self, rows: int) -> None:
        """Forget what was learned."""
        self.values = np.full((self._num_layers, rows), np.nan)
        self.spreads, self.surpluses = np.zeros((2, self._num_layers, rows))

    def update(
        self, layer_index: int, measures: Measures, eligible: BoolArray, replayed: BoolArray
    ) -> None:
        """One step of the quantile estimate for every eligible row that has a measure."""
        threshold, spread = self.values[layer_index], self.spreads[layer_index]
        known = eligible & ~np.isnan(measures)
        first = known & np.isnan(threshold)
        threshold[first] = measures[first]
        moved = known & ~first
        distance = np.abs(measures - threshold)[moved]
        spread[moved] += 0.05 * (distance - spread[moved])
        surplus = self.surpluses[layer_index]
        aim = np.clip(self.target_ratio - surplus[moved] / HORIZON_DECISIONS, 0.0, 1.0)
        threshold[moved] += self.sign * self.gain * spread[moved] * (replayed[moved] - aim)
        surplus[known] += replayed[known] - self.target_ratio


def spread_thresholds(
    argument: str, values: tuple[float | None, ...], num_layers: int
) -> tuple[float | None, ...]:
    """One threshold per layer from one for all or one per layer.

    >>> spread_thresholds("tau", (0.4,), 3)
    (0.4, 0.4, 0.4)
    """
    if len(values) not in (1, num_layers):
        raise ArgumentError(argument, values, f"1 or {num_layers} values")
    for value in values:
        if value is not None and np.isnan(value):
            raise ArgumentError(argument, value, "a number, inf, -inf or none")
    return values * (num_layers if len(values) == 1 else 1)


def check_ratio(name: str, ratio: float) -> None:
    """Refuse a ratio outside [0, 1] (NaN included)."""
    if not 0 <= ratio <= 1:
        raise ArgumentError(name, ratio, f"in [0, 1]{suggest_share(ratio)}")


def suggest_share(value: float) -> str:
    """What somebody meant who wrote a percentage; empty where the value is none.

    >>> suggest_share(30)
    ', as 0.3 for 30 %'
    """
    return f", as {value / 100:g} for {value:g} %" if 2 <= value <= 100 else ""
