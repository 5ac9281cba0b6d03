"""What the decisions of a run amount to: ratios, scores, staleness, work, time.

A run of one token decides nothing. What is said of nothing is None, NaN inside an array.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.certified_gate import Certificate
from fastcar.reference.config import ModelConfig
from fastcar.reference.gate_factory import GATES
from fastcar.reference.laps import PARTS
from fastcar.reference.multiplications import count_run
from fastcar.reference.records import ReplayRecord

Values = NDArray[np.float64]

PERCENTILES = (0, 5, 25, 50, 75, 95, 100)
"""Percentiles of the measures that reports show."""


def divide(part: float, whole: float) -> float | None:
    """The quotient; None where there is nothing to divide by.

    >>> divide(1, 4), divide(0, 0)
    (0.25, None)
    """
    return part / whole if whole else None


def list_numbers(values: Values) -> list[float | None]:
    """JSON values of an array; None for NaN.

    >>> list_numbers(np.array([0.5, np.nan]))
    [0.5, None]
    """
    return [None if np.isnan(value) else float(value) for value in values]


def compute_ratio(record: ReplayRecord) -> float | None:
    """Replayed share of all fed tokens and layers (D-06); None without any."""
    return record.replay_ratio if record.replayed.size else None


def compute_eligible_ratio(record: ReplayRecord) -> float | None:
    """Replayed share of the eligible tokens and layers; None without any."""
    return record.eligible_ratio if record.eligible.any() else None


def compute_layer_ratios(record: ReplayRecord) -> Values:
    """Replayed share of the fed tokens of every layer, [L]; NaN without any."""
    steps, num_layers, _ = record.replayed.shape
    if not steps:
        return np.full(num_layers, np.nan)
    ratios: Values = record.replayed.mean(axis=(0, 2), dtype=np.float64)
    return ratios


def compute_frame_ratios(record: ReplayRecord, tokens_per_frame: int) -> Values:
    """Replayed share of the fed tokens of every frame, [T]; the last frame lacks its last token.

    NaN for a last frame of one token.
    """
    per_token = record.replayed.mean(axis=(1, 2), dtype=np.float64)  # [S]
    starts = range(0, len(per_token) + 1, tokens_per_frame)
    frames = [per_token[start : start + tokens_per_frame] for start in starts]
    return np.array([frame.mean() if len(frame) else np.nan for frame in frames])


def compute_measure_percentiles(record: ReplayRecord) -> list[dict[str, float] | None]:
    """`PERCENTILES` of the eligible measures: of all layers, then of each; None without any."""
    layers = range(record.measures.shape[1])
    places = [record.eligible, *(_select_layer(record, index) for index in layers)]
    return [_compute_percentiles(record.measures[place]) for place in places]


def _select_layer(record: ReplayRecord, layer_index: int) -> NDArray[np.bool_]:
    chosen = np.zeros_like(record.eligible)
    chosen[:, layer_index] = record.eligible[:, layer_index]
    return chosen


def _compute_percentiles(measures: Values) -> dict[str, float] | None:
    finite = measures[np.isfinite(measures)]
    if not len(finite):
        return None
    values = np.percentile(finite, PERCENTILES)
    return {str(name): float(value) for name, value in zip(PERCENTILES, values, strict=True)}


@dataclass(frozen=True)
class Staleness:
    """Age of the MLP outputs that were used, in frames; 0 = computed for this token.

    Attributes:
        shares: [longest + 1], share of all fed tokens and layers of every age; empty without any.
        mean: over all of them; None without any.
        mean_replayed: over the replayed ones; None without any.
        longest: longest chain of replays.
    """

    shares: Values
    mean: float | None
    mean_replayed: float | None
    longest: int


def compute_staleness(record: ReplayRecord) -> Staleness:
    """How old the used outputs are: the chain length of every decision."""
    chains = record.chains.ravel()
    if not chains.size:
        return Staleness(np.empty(0), None, None, 0)
    counts = np.bincount(chains)
    replayed = chains[chains > 0]
    mean_replayed = divide(float(replayed.sum()), len(replayed))
    return Staleness(counts / chains.size, float(chains.mean()), mean_replayed, int(chains.max()))


@dataclass(frozen=True)
class Work:
    """Multiplications of the MLPs over all fed tokens, layers and rows.

    Attributes:
        dense: of a run without replay.
        saved: of the replayed tokens.
        gate: spent by the gate, beyond what attention computes anyway.
        correction: spent on correcting replayed outputs (D-53).
    """

    dense: int
    saved: int
    gate: int
    correction: int = 0

    @property
    def saved_share(self) -> float | None:
        """Share of the MLP multiplications that the run saves, gate and correction deducted."""
        return divide(self.saved - self.gate - self.correction, self.dense)


def compute_work(
    record: ReplayRecord, config: ModelConfig, gate: str, certificate: Certificate | None = None
) -> Work:
    """MLP work of a run and what its gate cost; the oracle computes all that it could save.

    Args:
        record: decisions of the run.
        config: sizes of the model.
        gate: name of the gate.
        certificate: that of a certified gate.
    """
    per_token = 3 * config.hidden_size * config.intermediate_size
    dense = record.replayed.size * per_token
    saved = int(record.replayed.sum()) * per_token
    if certificate is not None:
        return Work(dense, saved, certificate.count_multiplications(record.replayed))
    counted = count_run(config, record, GATES[gate].compute_cost(config), prompt_tokens=1)
    return Work(dense, saved, counted.gate)


@dataclass(frozen=True)
class Timing:
    """Decode time, prefill left out; of each kind the fastest run counts.

    Attributes:
        dense: seconds by part of the fastest dense run.
        replay: likewise with replay.
        dense_runs: seconds of every dense run.
        replay_runs: seconds of every run with replay.
        amdahl: speed-up that the measured MLP share and the replay ratio allow; None without any
            decision.
    """

    dense: dict[str, float]
    replay: dict[str, float]
    dense_runs: tuple[float, ...]
    replay_runs: tuple[float, ...]
    amdahl: float | None

    @property
    def speed_up(self) -> float | None:
        """Seconds of the fastest dense run per second of the fastest run with replay."""
        return divide(min(self.dense_runs), min(self.replay_runs))

    @property
    def spread(self) -> float | None:
        """How much longer the slowest run of a kind took than its fastest: how far to trust."""
        fastest = min(*self.dense_runs, *self.replay_runs)
        if not fastest:  # less than the clock can tell
            return None
        return max(max(runs) / min(runs) - 1 for runs in (self.dense_runs, self.replay_runs))


def compute_timing(
    dense: tuple[dict[str, float], ...],
    replay: tuple[dict[str, float], ...],
    ratio: float | None,
) -> Timing:
    """Timing of runs that took turns.

    Args:
        dense: seconds by part of every run.
        replay: likewise.
        ratio: replayed share of the MLP work; None without any.

    >>> parts = dict.fromkeys(PARTS, 1.0)
    >>> compute_timing((parts,), (parts,), ratio=0.8).amdahl
    1.25
    """
    dense_best, replay_best = min(dense, key=_sum_parts), min(replay, key=_sum_parts)
    mlp_share = divide(dense_best["mlp"], _sum_parts(dense_best))
    return Timing(
        dense_best,
        replay_best,
        tuple(_sum_parts(parts) for parts in dense),
        tuple(_sum_parts(parts) for parts in replay),
        None if mlp_share is None or ratio is None else divide(1, 1 - mlp_share * ratio),
    )


def _sum_parts(seconds: dict[str, float]) -> float:
    return sum(seconds[part] for part in PARTS)
