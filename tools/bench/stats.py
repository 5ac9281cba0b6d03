"""From the times of the rounds to ratios: medians of quotients within one round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.bench.plan import ENGINES, PEERS, READ, REFERENCE_ENGINE, REPLAY_RATIOS, get_variant

Results = dict[str, Any]
Milliseconds = Mapping[int, float]


def compute_amdahl(mlp_share: float, replay_ratio: float) -> float:
    """Speed-up if a share of the time falls to (1 - ratio) of itself and nothing else changes.

    >>> compute_amdahl(mlp_share=0.5, replay_ratio=1.0)
    2.0
    """
    return 1 / (1 - mlp_share * replay_ratio)


def compute_row_bound(mlp_share: float, row_counts: Sequence[int], costs: Milliseconds) -> float:
    """Amdahl's speed-up when the MLP of k rows takes as long as was measured, not k / B.

    Args:
        mlp_share: of the dense time.
        row_counts: how often 0, 1, .. B rows computed.
        costs: measured time of the MLP by number of rows; 0 rows take none, between two measured
            numbers the time is interpolated.
    """
    known = np.array([0, *costs])
    times = np.interp(np.arange(len(row_counts)), known, np.array([0.0, *costs.values()]))
    left = float(np.average(times, weights=row_counts)) / float(times[-1])
    return 1 / (1 - mlp_share * (1 - left))


def fit_exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log time over log size by least squares.

    >>> round(fit_exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


@dataclass(frozen=True)
class Replay:
    """What one replay ratio brought; medians over the rounds unless said otherwise.

    Attributes:
        engine: of `ENGINES`.
        target_ratio: of the gate.
        replay_ratio: reached over all timed tokens.
        mlp_share: of the dense time.
        speed_up: dense by replay.
        amdahl: speed-up by Amdahl's law from share and ratio.
        amdahl_share: share of Amdahl's speed-up that was reached.
        row_bound: Amdahl's speed-up with the measured cost of the computing rows.
    """

    engine: str
    target_ratio: float
    replay_ratio: float
    mlp_share: float
    speed_up: float
    amdahl: float
    amdahl_share: float
    row_bound: float


def summarise_cell(
    cell: Results, weight_bytes: Mapping[str, int], row_costs: Mapping[str, Milliseconds]
) -> Results:
    """All numbers of one batch and context.

    Args:
        cell: of `tools.bench.cells.measure_cell`.
        weight_bytes: that one step of a contender touches, all layers once.
        row_costs: engine -> rows -> time of one layer's MLP.
    """
    contenders = cell["contenders"]
    dense = [name for name in (*ENGINES, *PEERS) if name in contenders]
    return {
        "batch": cell["batch"],
        "context": cell["context"],
        "failed": cell["failed"],
        "caches": {kind: said.get("cache") for kind, said in cell["prepared"].items()},
        "cache_bytes": cell["prepared"]["own"]["cache_bytes"],
        "gigabytes_per_second": 1e-9 * float(np.median(contenders[READ]["bytes_per_second"])),
        "rounds": {name: len(contenders[name]["rounds"]) for name in dense},
        "milliseconds": {
            name: 1e3 * float(np.median(contender["seconds"]))
            for name, contender in contenders.items()
            if name != READ
        },
        "streaming_share": {
            name: compute_streaming_share(cell, name, weight_bytes[name]) for name in dense
        },
        "streaming_share_with_cache": compute_streaming_share(
            cell,
            REFERENCE_ENGINE,
            weight_bytes[REFERENCE_ENGINE] + cell["prepared"]["own"]["cache_bytes"],
        ),
        "reference_speed_up": {
            name: compute_speed_up(cell, name, REFERENCE_ENGINE) for name in dense
        },
        "replay": [
            asdict(summarise_replay(cell, engine, ratio, row_costs[engine]))
            for engine in ENGINES
            for ratio in REPLAY_RATIOS
        ],
    }


def compute_speed_up(cell: Results, slow: str, fast: str) -> float:
    """How many times as long as `fast` another contender takes, in the rounds of both."""
    times = [_get_rounds(cell, name, "seconds") for name in (slow, fast)]
    common = sorted(times[0].keys() & times[1].keys())
    return float(np.median([times[0][index] / times[1][index] for index in common]))


def compute_streaming_share(cell: Results, name: str, num_bytes: int) -> float:
    """Time to read that many bytes at the measured bandwidth, as a share of the time of a token."""
    seconds = _get_rounds(cell, name, "seconds")
    speeds = _get_rounds(cell, READ, "bytes_per_second")
    common = sorted(seconds.keys() & speeds.keys())
    return float(np.median([num_bytes / speeds[index] / seconds[index] for index in common]))


def _get_rounds(cell: Results, name: str, what: str) -> dict[int, float]:
    contender = cell["contenders"][name]
    return dict(zip(contender["rounds"], contender[what], strict=True))


def summarise_replay(cell: Results, engine: str, ratio: float, row_costs: Milliseconds) -> Replay:
    """Speed-up, share and ratio of every round, and their medians.

    The law is applied to the ratio that was reached in that very round.
    """
    dense, replay = cell["contenders"][engine], cell["contenders"][get_variant(engine, ratio)]
    rounds = len(replay["seconds"])
    dense_seconds = np.array(dense["seconds"][:rounds])
    mlp_shares = np.array(dense["mlp_seconds"][:rounds]) / dense_seconds
    counts: NDArray[np.int64] = np.array(replay["row_counts"])  # [rounds, B + 1]
    batch = counts.shape[1] - 1
    computed = (counts * np.arange(batch + 1)).sum(axis=1) / (counts.sum(axis=1) * batch)
    laws = np.array([compute_amdahl(*pair) for pair in zip(mlp_shares, 1 - computed, strict=True)])
    speed_ups = dense_seconds / np.array(replay["seconds"])
    mlp_share = float(np.median(mlp_shares))
    return Replay(
        engine,
        ratio,
        float(1 - computed.mean()),
        mlp_share,
        float(np.median(speed_ups)),
        float(np.median(laws)),
        float(np.median(speed_ups / laws)),
        compute_row_bound(mlp_share, counts.sum(axis=0).tolist(), row_costs),
    )
