"""Compiled normalisation against float64 and the spec."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kernels.lanes import count_roundings
from fastcar.reference.rms_norm import compute_rms_norm
from tests.reference.kernels.matrices import draw_rows
from tests.reference.rounding import compute_gamma

ENGINE = NumbaEngine()
EPS = 1e-5


@given(st.integers(0, 2**16), st.integers(1, 5), st.integers(1, 100))
def test_rows_are_normalised_within_the_bound(seed: int, rows: int, width: int) -> None:
    """Roundings: the sum's, half of them and of mean and eps under the root; root, quotient, gain.

    The spec squares, sums in any order (width), and then rounds as often.
    """
    rng = np.random.default_rng(seed)
    x, gain = draw_rows(rng, rows, width), rng.uniform(0.5, 1.5, width).astype(np.float32)
    normed = ENGINE.rms_norm(x, gain, EPS)
    wide = x.astype(np.float64)
    mean_square = (wide * wide).mean(axis=1, keepdims=True) + np.float64(np.float32(EPS))
    exact = wide / np.sqrt(mean_square) * gain
    bound = compute_gamma(count_roundings(width) + 5, np.float32) * np.abs(exact)
    assert (np.abs(normed - exact) <= bound).all()
    spec_bound = compute_gamma(width + 5, np.float32) * np.abs(exact)
    assert (np.abs(normed - compute_rms_norm(x, gain, EPS)) <= bound + spec_bound).all()


@given(st.integers(0, 2**16), st.integers(2, 5), st.integers(1, 100))
def test_the_bits_of_a_row_do_not_depend_on_its_batch(seed: int, rows: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    x, gain = draw_rows(rng, rows, width), rng.uniform(0.5, 1.5, width).astype(np.float32)
    single = [ENGINE.rms_norm(x[[row]], gain, EPS)[0] for row in range(rows)]
    assert np.array_equal(ENGINE.rms_norm(x, gain, EPS), single)
    assert np.array_equal(ENGINE.rms_norm(x[:, None], gain, EPS)[:, 0], single)
