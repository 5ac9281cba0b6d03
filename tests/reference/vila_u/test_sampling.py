"""Probabilities of codes against the published filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.sampling import Sampling
from fastcar.reference.vila_u.sampling import CodeSampling
from tests.vila_u_files import MODELS, load_vectors


@pytest.mark.parametrize("model", MODELS)
def test_probabilities_are_the_published_ones(model: str) -> None:
    recorded = load_vectors(model, "sampling")
    settings = zip(*(recorded[name] for name in ("temperature", "top_k", "top_p")), strict=True)
    for index, (temperature, top_k, top_p) in enumerate(settings):
        sampling = CodeSampling(float(temperature), int(top_k) or None, float(top_p) or 1.0)
        for logits, expected in zip(recorded["logits"], recorded[f"probs_{index}"], strict=True):
            found = sampling.compute_probabilities(logits)
            np.testing.assert_array_equal(found > 0, expected > 0)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_codes_as_likely_as_the_last_one_stay() -> None:
    logits = np.array([1.0, 3.0, 2.0, 2.0, 0.0])
    found = CodeSampling(top_k=2, top_p=1.0).compute_probabilities(logits)
    assert (found > 0).tolist() == [False, True, True, True, False]
    ordered = Sampling(top_k=2).compute_probabilities(np.sort(logits)[::-1])
    assert np.count_nonzero(ordered) == 2  # where the two rules differ


def test_the_code_that_reaches_p_stays() -> None:
    logits = np.log([0.25, 0.5, 0.125, 0.125])
    for top_p, kept in ((0.5, 1), (0.500001, 2), (0.75, 2), (0.99, 4)):
        found = CodeSampling(top_k=None, top_p=top_p).compute_probabilities(logits)
        assert np.count_nonzero(found) == kept


def test_draws_follow_the_probabilities() -> None:
    sampling, logits = CodeSampling(top_k=3), np.array([0.0, 1.0, -5.0, 0.5])
    stream = np.random.default_rng(0)
    counts = np.bincount([sampling.draw(logits, stream) for _ in range(4000)], minlength=4)
    expected = sampling.compute_probabilities(logits)
    np.testing.assert_allclose(counts / 4000, expected, rtol=0, atol=0.03)
    assert counts[2] == 0


def test_greedy_takes_the_first_of_the_largest_and_advances_the_stream() -> None:
    stream, other = np.random.default_rng(0), np.random.default_rng(0)
    assert CodeSampling(temperature=0).draw(np.array([0.0, 2.0, 2.0]), stream) == 1
    other.random()
    assert stream.random() == other.random()


def test_fewer_codes_than_top_k_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^top_k = 900: must be at most 48, all codes$"):
        CodeSampling().draw(np.zeros(48), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("temperature", -0.1, "finite and at least 0"),
        ("temperature", np.inf, "finite and at least 0"),
        ("top_k", 0, "at least 1"),
        ("top_p", 0.0, r"in \(0, 1\]"),
        ("top_p", 1.1, r"in \(0, 1\]"),
    ],
)
def test_settings_out_of_range_are_refused(field: str, value: Any, limit: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{field} = {value}: must be {limit}$"):
        CodeSampling(**{field: value})


def test_logits_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^logits = nan: must be finite$"):
        CodeSampling(top_k=1).draw(np.array([0.0, np.nan]), np.random.default_rng(0))
