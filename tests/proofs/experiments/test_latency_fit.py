"""The fit of rounds to the published latencies: right arithmetic, honest counts."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest

from fastcar.proofs.experiments.latency_fit import (
    HYPOTHESIS_SIZE,
    LLAMA_SHARE,
    RATIO_ROUNDING,
    RATIOS,
    TIME_ROUNDING,
    Expectation,
    LatencyReport,
    SizeSearch,
    compute_relative_rounds,
    compute_report,
    fit_without_rounds,
)
from fastcar.proofs.static_mapping import compute_dynamic_rounds
from fastcar.reference.errors import ArgumentError

TIMES = [556.8 / 689.7, 475.3 / 689.7, 390.7 / 689.7]


@pytest.fixture(scope="module")
def report() -> LatencyReport:
    return compute_report()


def find_search(report: LatencyReport, expectation: Expectation, is_share_free: bool) -> SizeSearch:
    [found] = [
        search
        for search in report.searches
        if (search.expectation, search.is_share_free) == (expectation.value, is_share_free)
    ]
    return found


@pytest.mark.parametrize("size", [(18, 8), (32, 5), (3, 1), (7, 32)])
@pytest.mark.parametrize("ratio", [Fraction(0), *RATIOS])
def test_relative_rounds_are_those_of_the_exact_expectation(
    size: tuple[int, int], ratio: Fraction
) -> None:
    dense = math.ceil(size[0] / size[1])
    exact = compute_dynamic_rounds(*size, ratio) / dense
    found = compute_relative_rounds(Expectation.BINOMIAL, *size, ratio)
    assert found == pytest.approx(float(exact), rel=1e-13)
    warm = (1 + 7 * compute_dynamic_rounds(*size, ratio * Fraction(8, 7)) / dense) / 8
    found = compute_relative_rounds(Expectation.BINOMIAL_WARM, *size, ratio)
    assert found == pytest.approx(float(warm), rel=1e-13)


def test_nearest_number_of_slots_is_rounded_half_up() -> None:
    rounds = [
        compute_relative_rounds(Expectation.NEAREST, 5, 1, Fraction(ratio, 10))
        for ratio in range(11)
    ]
    assert rounds == [1, 1, 0.8, 0.8, 0.6, 0.6, 0.4, 0.4, 0.2, 0.2, 0]
    warm = compute_relative_rounds(Expectation.NEAREST_WARM, 2, 1, Fraction(7, 16))
    assert warm == 1 / 8 + 7 / 8 / 2


def test_one_core_is_amdahls_law() -> None:
    for ratio in RATIOS:
        for expectation in (Expectation.BINOMIAL, Expectation.BINOMIAL_WARM):
            rounds = compute_relative_rounds(expectation, 20, 1, ratio)
            assert rounds == pytest.approx(1 - float(ratio), abs=1e-14)


def test_more_replays_than_places_are_refused() -> None:
    for expectation, limit in ((Expectation.NEAREST_WARM, "7/8"), (Expectation.BINOMIAL, "1")):
        with pytest.raises(ArgumentError, match=rf"^ratio = .*: must be from 0 to {limit}$"):
            compute_relative_rounds(expectation, 18, 8, Fraction(9, 8))


def test_llama_share_is_two_thirds() -> None:
    assert round(LLAMA_SHARE, 3) == 0.668


def test_hypothesis_gives_what_was_said(report: LatencyReport) -> None:
    fit = find_search(report, Expectation.BINOMIAL_WARM, True).hypothesis
    assert [round(time, 3) for time in fit.times] == [0.816, 0.678, 0.571]
    assert round(fit.parameters["mlp_share"], 3) == 0.669
    assert [round(time, 3) for time in report.times] == [0.807, 0.689, 0.566]


def compute_slow_rms(expectation: Expectation, size: tuple[int, int]) -> float:
    """The least rms over a grid of shares, the slow way."""
    saved = [1 - compute_relative_rounds(expectation, *size, ratio) for ratio in RATIOS]
    squares = [
        sum((1 - share * save - time) ** 2 for save, time in zip(saved, TIMES, strict=True))
        for share in np.linspace(0, 1, 2_001)
    ]
    return math.sqrt(min(squares) / 3)


@pytest.mark.parametrize("expectation", Expectation)
def test_fit_of_the_share_is_the_best_on_a_grid(
    report: LatencyReport, expectation: Expectation
) -> None:
    fit = find_search(report, expectation, True).hypothesis
    slow = compute_slow_rms(expectation, HYPOTHESIS_SIZE)
    assert fit.rms <= slow + 1e-12
    # The grid misses the best share by 1/4000 at most, which moves no point by more than that.
    assert slow <= fit.rms + 1 / 4_000


def compute_llama_residuals(size: tuple[int, int], shift: Fraction = Fraction(0)) -> list[float]:
    """With the share given, binomial."""
    return [
        1
        - LLAMA_SHARE * (1 - compute_relative_rounds(Expectation.BINOMIAL, *size, ratio + shift))
        - time
        for ratio, time in zip(RATIOS, TIMES, strict=True)
    ]


def test_sizes_are_counted_as_described(report: LatencyReport) -> None:
    sizes = [(slots, cores) for slots in range(1, 33) for cores in range(1, 33)]
    rms = {size: math.sqrt(sum(x * x for x in compute_llama_residuals(size)) / 3) for size in sizes}
    found = find_search(report, Expectation.BINOMIAL, False)
    assert found.num_sizes == len(sizes)
    assert found.num_as_good == sum(rms[size] <= rms[HYPOTHESIS_SIZE] for size in sizes) == 2
    best = min(rms.values())
    assert found.best.rms == pytest.approx(best, rel=1e-12)
    assert found.num_near_best == sum(x <= best + TIME_ROUNDING for x in rms.values())
    within = [
        all(
            low <= TIME_ROUNDING and high >= -TIME_ROUNDING
            for low, high in zip(
                compute_llama_residuals(size, RATIO_ROUNDING),
                compute_llama_residuals(size, -RATIO_ROUNDING),
                strict=True,
            )
        )
        for size in sizes
    ]
    assert found.num_within_rounding == sum(within)


def test_every_search_is_consistent(report: LatencyReport) -> None:
    assert len(report.searches) == 2 * len(Expectation)
    for search in report.searches:
        assert search.best.rms <= search.hypothesis.rms
        assert 1 <= search.num_near_best <= search.num_sizes
        assert 1 <= search.num_as_good <= search.num_sizes
        assert 0 <= search.chance <= 1
        assert search.best.num_parameters == 2 + search.is_share_free
        for fit in (search.best, search.hypothesis):
            assert fit.rms <= fit.largest_residual <= math.sqrt(3) * fit.rms
            assert 0 <= fit.parameters["mlp_share"] <= 1


def test_a_free_share_never_fits_worse(report: LatencyReport) -> None:
    for expectation in Expectation:
        free, fixed = (find_search(report, expectation, is_free) for is_free in (True, False))
        assert free.best.rms <= fixed.best.rms
        assert free.hypothesis.rms <= fixed.hypothesis.rms


def test_the_fit_does_not_single_out_the_hypothesis(report: LatencyReport) -> None:
    # What docs/ says about the hypothesis rests on these.
    binomial = find_search(report, Expectation.BINOMIAL, True)
    assert (binomial.best.parameters["slots"], binomial.best.parameters["cores"]) == (11, 5)
    assert binomial.num_within_rounding == 1
    assert find_search(report, Expectation.BINOMIAL_WARM, True).num_as_good == 3
    assert find_search(report, Expectation.NEAREST, True).num_as_good > 100
    line = report.without_rounds[2]
    assert all(line.rms < search.best.rms for search in report.searches)


def test_laws_without_rounds_are_least_squares() -> None:
    given, amdahl, line = fit_without_rounds()
    assert (given.num_parameters, amdahl.num_parameters, line.num_parameters) == (0, 1, 2)
    ratios = [float(ratio) for ratio in RATIOS]
    pairs = list(zip(ratios, TIMES, strict=True))
    share = sum(r * (1 - t) for r, t in pairs) / sum(r * r for r in ratios)
    assert amdahl.parameters["mlp_share"] == pytest.approx(share, rel=1e-12)
    # Points at equal distances: the residuals of the line are in the proportion 1 : -2 : 1.
    curvature = TIMES[0] - 2 * TIMES[1] + TIMES[2]
    assert line.largest_residual == pytest.approx(abs(curvature) / 3, rel=1e-9)
    assert given.rms > amdahl.rms > line.rms


def test_report_is_json(report: LatencyReport) -> None:
    assert json.loads(json.dumps(asdict(report)))["searches"][0]["num_sizes"] == 1024
