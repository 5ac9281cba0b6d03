"""From measured rows to excess over dense, paired clip by clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.metrics import compute_standard_error

Json = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """Mean over clips of the loss of one run less that of another.

    Attributes:
        nats: per token.
        error: standard error across clips.
    """

    nats: float
    error: float

    def __str__(self) -> str:
        return f"{self.nats:+.4f} ± {self.error:.4f}"


def compute_difference(row: Json, other: Json) -> Difference:
    """Paired clip by clip.

    >>> str(compute_difference({"nats": [1.0, 2.0]}, {"nats": [0.5, 1.5]}))
    '+0.5000 ± 0.0000'
    """
    gaps = np.array(row["nats"]) - np.array(other["nats"])
    return Difference(float(gaps.mean()), compute_standard_error(gaps))


@dataclass(frozen=True)
class Excess:
    """Loss that replay adds.

    Attributes:
        ratio: replayed share of fed tokens and layers, on the clips that count.
        nats: mean difference to the dense run, nats per token.
        error: its standard error across clips.
    """

    ratio: float
    nats: float
    error: float

    def __str__(self) -> str:
        return f"{self.ratio:.1%}: {self.nats:+.3f} ± {self.error:.3f}"


def compute_excess(row: Json, dense: Json, clips: NDArray[np.bool_] | None = None) -> Excess:
    """Excess of a row over the dense run, on all clips or on those that are chosen.

    >>> row = {"nats": [1.0, 2.0], "clip_ratios": [0.5, 0.7]}
    >>> str(compute_excess(row, {"nats": [0.5, 1.5]}))
    '60.0%: +0.500 ± 0.000'
    """
    chosen = slice(None) if clips is None else clips
    gaps = (np.array(row["nats"]) - np.array(dense["nats"]))[chosen]
    ratio = float(np.array(row["clip_ratios"])[chosen].mean())
    return Excess(ratio, float(gaps.mean()), compute_standard_error(gaps))


def choose_row(rows: Sequence[Json], target: float) -> Json:
    """The row of a target."""
    return next(row for row in rows if row["target"] == target)


BEYOND = 0.02
"""How far a line is followed beyond the measured ratios."""


def interpolate_excess(rows: Sequence[Json], dense: Json, ratio: float) -> Excess | None:
    """Excess at exactly this ratio, clip by clip on the line between the two nearest targets.

    Ratios that are met on calibration clips are missed on others; gates are compared here. None
    where the measured ratios end before.
    """
    ordered = sorted(rows, key=lambda row: row["ratio"])
    ratios = np.array([row["ratio"] for row in ordered])
    if not ratios[0] - BEYOND <= ratio <= ratios[-1] + BEYOND:
        return None
    upper = int(np.clip(np.searchsorted(ratios, ratio), 1, len(ordered) - 1))
    low, high = ordered[upper - 1], ordered[upper]
    span = high["ratio"] - low["ratio"]
    weight = (ratio - low["ratio"]) / span if span else 0.0
    nats = (1 - weight) * np.array(low["nats"]) + weight * np.array(high["nats"])
    gaps = nats - np.array(dense["nats"])
    return Excess(ratio, float(gaps.mean()), compute_standard_error(gaps))


def describe_misses(rows: Sequence[Json]) -> tuple[float, float]:
    """Mean and largest distance of a clip's ratio from the target, over all targets."""
    misses = np.array([abs(ratio - row["target"]) for row in rows for ratio in row["clip_ratios"]])
    return float(misses.mean()), float(misses.max())
