"""What the published latencies say about rounds of cores: a fit, and how little it proves.

Hypothesis (ours). The batch slots that compute run in whole rounds of C cores, and only the MLP's
share a of the dense time is saved. At replay ratio r,
time(r) / time(0) = 1 - a + a E[rounds at r] / ceil(B / C).
B = 18 slots on C = 8 cores with a near the MLP's share of Llama-7B's weights comes close to the
three latencies that arXiv:2505.14709v1 gives for replay without sparse attention. The paper names
neither B nor C, so every B and C from 1 to 32 is fitted the same way, under four models of
E[rounds], and compared with laws that know no rounds.

Three points and two or three parameters, chosen among four models after the fact, prove little.
`chance` puts a number to it for each search alone: how often random savings are fitted as well.
This is no statement, and nothing here is proved.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs.static_mapping import compute_binomial_weights
from fastcar.reference.errors import ArgumentError
from fastcar.reference.scheduler import MAX_CORES, MAX_SLOTS

Floats = NDArray[np.float64]

DENSE_SECONDS = 689.7
RATIOS = (Fraction(1, 5), Fraction(1, 2), Fraction(4, 5))
SECONDS = (556.8, 475.3, 390.7)
NUM_FRAMES = 8
"""Published: latency of the dense run, replay ratios, their latencies, frames of a video."""

TIME_ROUNDING = 2 * 0.05 / DENSE_SECONDS
"""Both latencies of a quotient below 1 are rounded to a tenth of a second."""

RATIO_ROUNDING = Fraction(1, 200)
"""If the ratios are rounded to whole percents."""

HIDDEN_SIZE, INTERMEDIATE_SIZE = 4096, 11008
LLAMA_SHARE = 3 * INTERMEDIATE_SIZE / (3 * INTERMEDIATE_SIZE + 4 * HIDDEN_SIZE)
"""The MLP's share of the weights of a Llama-7B layer."""

HYPOTHESIS_SIZE = (18, 8)
SIZES = tuple(
    (slots, cores) for slots in range(1, MAX_SLOTS + 1) for cores in range(1, MAX_CORES + 1)
)


NUM_RANDOM_SAVINGS = 1_000


class Expectation(Enum):
    """How E[rounds] follows from the replay ratio."""

    BINOMIAL = "binomial"
    """Every slot of every token replays with probability r, independently."""
    BINOMIAL_WARM = "binomial after a dense frame"
    """The first of 8 frames never replays, the others 8 r / 7."""
    NEAREST = "nearest"
    """Every token has as many computing slots as come nearest to B (1 - r), halves up."""
    NEAREST_WARM = "nearest after a dense frame"
    """Likewise after a dense first frame."""


@dataclass(frozen=True)
class Fit:
    """A law and what it says about the published points.

    Attributes:
        law: its name.
        num_parameters: numbers that were chosen to fit.
        parameters: by name.
        times: relative to the dense run, at the published ratios.
        rms: root mean square of the residuals.
        largest_residual: largest magnitude among them.
    """

    law: str
    num_parameters: int
    parameters: dict[str, float]
    times: tuple[float, ...]
    rms: float
    largest_residual: float


@dataclass(frozen=True)
class SizeSearch:
    """All numbers of slots and cores under one model.

    Attributes:
        expectation: name of the model.
        is_share_free: a is fitted for each size, else it is Llama-7B's.
        hypothesis: 18 slots on 8 cores.
        best: size with the smallest rms.
        num_sizes: sizes tried.
        num_as_good: of them, those whose rms is not above the hypothesis's, itself included.
        num_near_best: those whose rms is within the rounding of the latencies of the best.
        num_within_rounding: those that meet all three latencies within their rounding, if the
            ratios are rounded to whole percents; the share is not adapted, so a lower limit.
        chance: share of random triples that some size fits as well as the best fits these.
    """

    expectation: str
    is_share_free: bool
    hypothesis: Fit
    best: Fit
    num_sizes: int
    num_as_good: int
    num_near_best: int
    num_within_rounding: int
    chance: float


@dataclass(frozen=True)
class LatencyReport:
    """The fits; `dataclasses.asdict` makes JSON values of it.

    Attributes:
        ratios: published replay ratios.
        times: published latencies relative to the dense run.
        without_rounds: laws without rounds.
        searches: all sizes, under every model, with the share free and not.
    """

    ratios: tuple[float, ...]
    times: tuple[float, ...]
    without_rounds: tuple[Fit, ...]
    searches: tuple[SizeSearch, ...]


def compute_report() -> LatencyReport:
    """All fits; about a second."""
    searches = tuple(search_sizes(model, free) for model in Expectation for free in (True, False))
    ratios = tuple(float(ratio) for ratio in RATIOS)
    return LatencyReport(ratios, tuple(_get_times().tolist()), fit_without_rounds(), searches)


def compute_relative_rounds(
    expectation: Expectation, num_slots: int, num_cores: int, ratio: Fraction
) -> float:
    """E[rounds] at a replay ratio, relative to no replay.

    Raises:
        ArgumentError: more replays than the model has places for.

    >>> compute_relative_rounds(Expectation.NEAREST, 16, 4, Fraction(1, 2))
    0.5
    """
    is_warm = expectation in (Expectation.BINOMIAL_WARM, Expectation.NEAREST_WARM)
    warm_share = Fraction(NUM_FRAMES - 1, NUM_FRAMES) if is_warm else Fraction(1)
    if not 0 <= ratio <= warm_share:
        raise ArgumentError("ratio", ratio, f"from 0 to {warm_share}")
    dense = -(-num_slots // num_cores)
    rounds = _get_rounds(expectation, num_slots, num_cores, ratio / warm_share)
    return float(1 - warm_share) + float(warm_share) * rounds / dense


def _get_rounds(expectation: Expectation, num_slots: int, num_cores: int, ratio: Fraction) -> float:
    rounds = -(-np.arange(num_slots + 1) // num_cores)
    if expectation in (Expectation.NEAREST, Expectation.NEAREST_WARM):
        return float(rounds[int(num_slots * (1 - ratio) + Fraction(1, 2))])
    return float(rounds @ _get_weights(num_slots, ratio))


@cache
def _get_weights(num_slots: int, ratio: Fraction) -> Floats:
    return np.array([float(weight) for weight in compute_binomial_weights(num_slots, 1 - ratio)])


def fit_without_rounds() -> tuple[Fit, ...]:
    """Amdahl's law with Llama's share and with a fitted one; a line that misses the dense point."""
    ratios, times = np.array([float(ratio) for ratio in RATIOS]), _get_times()
    share = float(_fit_shares(ratios[None], 1 - times)[0])
    design = np.column_stack([np.ones(3), -ratios])
    start, slope = (float(x) for x in np.linalg.lstsq(design, times, rcond=None)[0])
    return (
        _make_fit("Amdahl, Llama's share", 0, {"mlp_share": LLAMA_SHARE}, 1 - LLAMA_SHARE * ratios),
        _make_fit("Amdahl", 1, {"mlp_share": share}, 1 - share * ratios),
        _make_fit("line", 2, {"start": start, "slope": slope}, start - slope * ratios),
    )


def search_sizes(expectation: Expectation, is_share_free: bool) -> SizeSearch:
    """Fit every number of slots and cores."""
    saved = _compute_savings(expectation)
    target = 1 - _get_times()
    shares = _fit_shares(saved, target) if is_share_free else np.full(len(SIZES), LLAMA_SHARE)
    rms = _compute_rms(saved, shares, target)

    def make_fit(place: int) -> Fit:
        (slots, cores), share = SIZES[place], float(shares[place])
        parameters = {"slots": float(slots), "cores": float(cores), "mlp_share": share}
        times = 1 - share * saved[place]
        return _make_fit(expectation.value, 2 + is_share_free, parameters, times)

    hypothesis, best = SIZES.index(HYPOTHESIS_SIZE), int(rms.argmin())
    least = shares[:, None] * _compute_savings(expectation, -RATIO_ROUNDING) - TIME_ROUNDING
    most = shares[:, None] * _compute_savings(expectation, RATIO_ROUNDING) + TIME_ROUNDING
    return SizeSearch(
        expectation.value,
        is_share_free,
        make_fit(hypothesis),
        make_fit(best),
        len(SIZES),
        int((rms <= rms[hypothesis]).sum()),
        int((rms <= rms[best] + TIME_ROUNDING).sum()),
        int(((least <= target) & (target <= most)).all(axis=1).sum()),
        _compute_chance(saved, is_share_free, float(rms[best])),
    )


def _compute_chance(saved: Floats, is_share_free: bool, limit: float) -> float:
    """Share of random savings, three sorted uniform numbers, that some size fits within a limit."""
    rng = np.random.default_rng(0)
    hits = []
    for target in np.sort(rng.uniform(0, LLAMA_SHARE, (NUM_RANDOM_SAVINGS, 3)), axis=1):
        shares = _fit_shares(saved, target) if is_share_free else np.full(len(saved), LLAMA_SHARE)
        hits.append(_compute_rms(saved, shares, target).min() <= limit)
    return float(np.mean(hits))


def _get_times() -> Floats:
    """[3] published latencies relative to the dense run."""
    return np.array(SECONDS) / DENSE_SECONDS


def _compute_savings(expectation: Expectation, shift: Fraction = Fraction(0)) -> Floats:
    """[sizes, 3]: share of the rounds that replay saves, at the published ratios plus a shift."""
    return np.array(
        [
            [1 - compute_relative_rounds(expectation, *size, ratio + shift) for ratio in RATIOS]
            for size in SIZES
        ]
    )


def _fit_shares(saved: Floats, target: Floats) -> Floats:
    """[sizes]: for each row of [sizes, 3] the share in [0, 1] with the least squares."""
    squares = (saved * saved).sum(axis=1)
    shares: Floats = np.clip((saved @ target) / np.where(squares > 0, squares, 1), 0, 1)
    return shares


def _compute_rms(saved: Floats, shares: Floats, target: Floats) -> Floats:
    """[sizes]: root mean square of the residuals."""
    rms: Floats = np.sqrt(((shares[:, None] * saved - target) ** 2).mean(axis=1))
    return rms


def _make_fit(law: str, num_parameters: int, parameters: dict[str, float], times: Floats) -> Fit:
    residuals = times - _get_times()
    rms = float(np.sqrt((residuals**2).mean()))
    largest = float(np.abs(residuals).max())
    return Fit(law, num_parameters, parameters, tuple(times.tolist()), rms, largest)
