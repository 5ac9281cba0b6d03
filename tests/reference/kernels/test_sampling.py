"""Compiled drawing of tokens: the token of the spec, but where rounding may decide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import FloatArray
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.sampling import Sampling, make_streams
from tests.reference.test_sampling import samplings

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

ENGINE = NumbaEngine()
MARGIN = 1e-12
"""Distance of a draw or a mass from a boundary that no rounding bridges: the masses are sums of at
most 100 numbers of float64, each within 2^-48 of exact."""


def is_decided(sampling: Sampling, logits: FloatArray, uniform: float) -> bool:
    """Whether neither the filter nor the draw stands at a boundary."""
    ranked = np.sort(logits.astype(np.float64))[::-1]
    everything = Sampling(sampling.temperature, sampling.top_k)
    filtered = np.cumsum(everything.compute_probabilities(ranked))
    drawn = np.cumsum(sampling.compute_probabilities(ranked))
    return bool(
        (np.abs(filtered - sampling.top_p) > MARGIN).all()
        and (np.abs(drawn / drawn[-1] - uniform) > MARGIN).all()
    )


@given(st.integers(0, 2**16), st.integers(1, 5), st.integers(1, 100), samplings)
def test_tokens_are_those_of_the_spec(seed: int, rows: int, codes: int, sampling: Sampling) -> None:
    rng = np.random.default_rng(seed)
    logits = (rng.integers(-20, 20, (rows, codes)) * 0.25).astype(np.float32)  # with ties
    uniforms = [stream.random() for stream in make_streams(seed, rows)]
    decided = [is_decided(sampling, *pair) for pair in zip(logits, uniforms, strict=True)]
    found = ENGINE.draw(sampling, logits, make_streams(seed, rows))
    expected = NumpyEngine().draw(sampling, logits, make_streams(seed, rows))
    assert (found == expected)[decided].all()
    assert ((found >= 0) & (found < codes)).all()


@given(st.integers(0, 2**16), st.integers(1, 100))
def test_greedy_takes_the_lowest_of_the_likeliest_and_advances_the_stream(
    seed: int, codes: int
) -> None:
    logits = np.random.default_rng(seed).integers(0, 3, (2, codes)).astype(np.float32)
    streams = make_streams(seed, 2)
    assert ENGINE.draw(Sampling(temperature=0), logits, streams).tolist() == [
        int(row.argmax()) for row in logits
    ]
    fresh = make_streams(seed, 2)
    assert fresh[1].random() != streams[1].random() == fresh[1].random()


def test_all_draws_together_follow_the_probabilities() -> None:
    logits = np.log(np.array([[0.5, 0.3, 0.15, 0.05]], np.float32))
    sampling = Sampling(top_k=3, top_p=0.9)
    stream = make_streams(0, 1)
    draws = np.bincount(
        [int(ENGINE.draw(sampling, logits, stream)[0]) for _ in range(4000)], minlength=4
    )
    expected = np.array([0.5, 0.3, 0.15, 0]) / 0.95 * 4000
    assert draws[3] == 0
    assert (np.abs(draws - expected) <= 5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_token_is_drawn_of_logits_that_are_not_finite(bad: float) -> None:
    logits = np.array([[1, 2], [bad, 0]], np.float32)
    with pytest.raises(ArgumentError, match=f"^logits = {bad}: must be finite$"):
        ENGINE.draw(Sampling(), logits, make_streams(0, 2))
