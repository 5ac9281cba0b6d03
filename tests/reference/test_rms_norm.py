"""Root-mean-square norm, against math.fsum and by its invariances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.rms_norm import compute_rms_norm
from tests.reference.rounding import compute_gamma

DTYPES = st.sampled_from([np.float32, np.float64])


@given(st.integers(0, 2**16), st.integers(1, 3), st.integers(1, 40), DTYPES)
def test_equals_the_naive_model(
    seed: int, rows: int, width: int, dtype: type[np.floating[Any]]
) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal((rows, width)) * 10.0 ** rng.integers(-4, 5)).astype(dtype)
    weight = rng.uniform(0.5, 1.5, width).astype(dtype)
    eps = 1e-5
    normed = compute_rms_norm(x, weight, eps)
    assert normed.dtype == dtype
    # All terms of the mean square are positive, so it has a relative error of at most width + 1
    # roundings; halved by the root, plus eps, root, quotient, product, and the model's own.
    relative = 2 * compute_gamma(width + 8, dtype)
    for row in range(rows):
        values = [float(entry) for entry in x[row]]
        root = math.sqrt(math.fsum(v * v for v in values) / width + eps)
        exact = np.array([v / root for v in values]) * weight.astype(np.float64)
        assert (np.abs(normed[row] - exact) <= relative * np.abs(exact)).all()


@given(st.integers(0, 2**16), st.integers(1, 40), st.integers(-20, 20), DTYPES)
def test_power_of_two_scales_vanish_exactly_without_eps(
    seed: int, width: int, exponent: int, dtype: type[np.floating[Any]]
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, width)).astype(dtype)
    ones = np.ones(width, dtype)
    scaled = compute_rms_norm(x * dtype(2.0**exponent), ones, 0.0)
    assert np.array_equal(scaled, compute_rms_norm(x, ones, 0.0))


@given(st.integers(0, 2**16), st.integers(1, 40), st.floats(1e-8, 1e2), DTYPES)
def test_norm_is_at_most_the_root_of_the_width(
    seed: int, width: int, eps: float, dtype: type[np.floating[Any]]
) -> None:
    x = np.random.default_rng(seed).standard_normal((3, width)).astype(dtype)
    normed = compute_rms_norm(x, np.ones(width, dtype), eps).astype(np.float64)
    limit = math.sqrt(width) * (1 + compute_gamma(width + 8, dtype))
    assert (np.sqrt((normed * normed).sum(axis=-1)) <= limit).all()


@given(st.integers(0, 2**16), st.integers(2, 6), st.integers(1, 70), DTYPES)
def test_the_bits_of_a_row_do_not_depend_on_its_batch(
    seed: int, rows: int, width: int, dtype: type[np.floating[Any]]
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, width)).astype(dtype)
    weight = rng.uniform(0.5, 1.5, width).astype(dtype)
    single = [compute_rms_norm(x[[row]], weight, 1e-5) for row in range(rows)]
    assert np.array_equal(compute_rms_norm(x, weight, 1e-5), np.concatenate(single))


def test_zero_stays_zero() -> None:
    assert not compute_rms_norm(np.zeros((2, 4)), np.ones(4), 1e-5).any()
