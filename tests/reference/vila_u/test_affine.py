from __future__ import annotations

import math

import numpy as np

from fastcar.reference.vila_u.affine import LayerNorm, compute_erf, compute_gelu


def test_error_function_is_that_of_the_standard_library() -> None:
    x = np.concatenate([np.linspace(-7, 7, 3001), [0.0, 1e-9, -1e-9, 5.9999, -6.0, 6.0, 40.0]])
    wanted = np.array([math.erf(value) for value in x])
    assert abs(compute_erf(x) - wanted).max() < 1e-12


def test_what_is_no_number_stays_none() -> None:
    assert np.isnan(compute_erf(np.array([np.nan]))).all()
    assert compute_erf(np.array([-np.inf, np.inf])).tolist() == [-1, 1]


def test_gelu_keeps_the_type_and_is_the_exact_one() -> None:
    x = np.linspace(-4, 4, 41, dtype=np.float32)
    found = compute_gelu(x)
    assert found.dtype == np.float32
    wanted = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x.tolist()]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-7)


def test_layer_norm_divides_by_the_biased_variance() -> None:
    norm = LayerNorm(np.array([1.0, 2.0]), np.array([0.0, 0.5]))
    found = norm.compute(np.array([[1.0, 3.0]]))
    scale = 1 / math.sqrt(1 + 1e-5)
    np.testing.assert_allclose(found, [[-scale, 2 * scale + 0.5]], rtol=1e-14)
