"""From logits to tokens: the filters by their definition, the draws by their frequencies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastcar.reference.errors import ArgumentError
from fastcar.reference.sampling import Sampling, make_streams

samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.1, 0.7, 1.0, 3.0]),
    top_k=st.none() | st.integers(1, 12),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 1.0]),
)


def draw_logits(seed: int, codes: int) -> NDArray[np.float64]:
    order = np.random.default_rng(seed).permutation(codes).astype(np.float64)
    return order * np.float64(0.37)  # no ties


def compute_naive_probabilities(logits: NDArray[np.float64], sampling: Sampling) -> list[float]:
    """Temperature, then the k most likely, then the shortest head that reaches p; by token id."""
    peak = max(logits)
    order = sorted(range(len(logits)), key=lambda code: -logits[code])
    kept = order[: sampling.top_k]
    weights = {code: math.exp((logits[code] - peak) / sampling.temperature) for code in kept}
    total = math.fsum(weights.values())
    mass, head = 0.0, []
    for code in kept:
        if mass >= sampling.top_p:
            break
        head.append(code)
        mass += weights[code] / total
    total = math.fsum(weights[code] for code in head)
    return [weights[code] / total if code in head else 0.0 for code in range(len(logits))]


@given(st.integers(0, 2**16), st.integers(1, 12), samplings)
def test_probabilities_equal_the_naive_model(seed: int, codes: int, sampling: Sampling) -> None:
    logits = draw_logits(seed, codes)
    order = np.argsort(-logits)
    probabilities = sampling.compute_probabilities(logits[order])
    expected = np.array(compute_naive_probabilities(logits, sampling))[order]
    assert np.allclose(probabilities, expected, rtol=1e-13, atol=0)


@given(st.integers(0, 2**16), st.integers(1, 12), samplings)
def test_probabilities_are_a_falling_distribution(
    seed: int, codes: int, sampling: Sampling
) -> None:
    logits = np.sort(draw_logits(seed, codes))[::-1]
    probabilities = sampling.compute_probabilities(logits)
    assert probabilities.sum() == pytest.approx(1, rel=1e-14)
    assert (np.diff(probabilities) <= 0).all()
    if sampling.top_k is not None:
        assert (probabilities > 0).sum() <= sampling.top_k


@given(st.integers(0, 2**16), st.integers(1, 12), samplings, st.integers(0, 2**16))
def test_draws_have_probability_above_zero(
    seed: int, codes: int, sampling: Sampling, stream_seed: int
) -> None:
    logits = draw_logits(seed, codes)
    token = sampling.draw(logits, np.random.default_rng(stream_seed))
    assert compute_naive_probabilities(logits, sampling)[token] > 0


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(0.5), Sampling(top_k=2), Sampling(2, 3)])
def test_frequencies_follow_the_probabilities(sampling: Sampling) -> None:
    logits, num_draws = draw_logits(1, 5), 4000
    stream = np.random.default_rng(0)
    drawn = [sampling.draw(logits, stream) for _ in range(num_draws)]
    shares = np.bincount(drawn, minlength=5) / num_draws
    expected = np.array(compute_naive_probabilities(logits, sampling))
    # Five standard deviations of a share.
    assert (np.abs(shares - expected) <= 5 * np.sqrt(expected * (1 - expected) / num_draws)).all()


@given(st.integers(0, 2**16), st.integers(1, 12), st.integers(0, 2**16))
def test_temperature_zero_top_one_and_tiny_mass_take_the_largest(
    seed: int, codes: int, stream_seed: int
) -> None:
    logits = draw_logits(seed, codes)
    for sampling in (Sampling(0.0), Sampling(top_k=1), Sampling(top_p=1e-9)):
        assert sampling.draw(logits, np.random.default_rng(stream_seed)) == logits.argmax()


def test_greedy_takes_the_lowest_id_at_a_tie() -> None:
    assert Sampling(0.0).draw(np.array([0.0, 2, 1, 2]), np.random.default_rng(0)) == 1


@pytest.mark.parametrize("sampling", [Sampling(0.0), Sampling(), Sampling(top_k=2, top_p=0.5)])
def test_every_draw_advances_the_stream_by_one(sampling: Sampling) -> None:
    stream, expected = np.random.default_rng(4), np.random.default_rng(4)
    sampling.draw(draw_logits(0, 6), stream)
    expected.random()
    assert stream.random() == expected.random()


@given(st.integers(0, 2**16), st.integers(-100, 100))
def test_a_common_shift_of_the_logits_changes_nothing(seed: int, shift: int) -> None:
    logits = np.random.default_rng(seed).permutation(8).astype(np.float64)
    plain = Sampling().draw(logits, np.random.default_rng(seed))
    assert Sampling().draw(logits + shift, np.random.default_rng(seed)) == plain


@given(st.integers(0, 2**16), st.integers(1, 5), st.integers(1, 5))
def test_streams_belong_to_the_video_not_to_the_batch(seed: int, videos: int, other: int) -> None:
    first = [stream.random() for stream in make_streams(seed, videos)]
    second = [stream.random() for stream in make_streams(seed, other)]
    common = min(videos, other)
    assert first[:common] == second[:common]
    assert len(set(first)) == videos


def test_seeds_give_different_streams() -> None:
    assert make_streams(0, 1)[0].random() != make_streams(1, 1)[0].random()


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p", "message"),
    [
        (-0.1, None, 1.0, r"^temperature = -0\.1: must be finite and at least 0$"),
        (math.inf, None, 1.0, r"^temperature = inf: must be finite and at least 0$"),
        (math.nan, None, 1.0, r"^temperature = nan: must be finite and at least 0$"),
        (1.0, 0, 1.0, r"^top_k = 0: must be at least 1$"),
        (1.0, None, 0.0, r"^top_p = 0\.0: must be in \(0, 1\]$"),
        (1.0, None, 1.01, r"^top_p = 1\.01: must be in \(0, 1\]$"),
        (1.0, None, math.nan, r"^top_p = nan: must be in \(0, 1\]$"),
    ],
)
def test_refuses_values_outside_the_limits(
    temperature: float, top_k: int | None, top_p: float, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        Sampling(temperature, top_k, top_p)


def test_refuses_a_negative_seed() -> None:
    with pytest.raises(ArgumentError, match=r"^seed = -1: must be at least 0$"):
        make_streams(-1, 2)
