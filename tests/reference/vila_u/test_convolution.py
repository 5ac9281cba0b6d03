"""Convolutions as matrix products against a plain loop over places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import FloatArray
from fastcar.reference.vila_u import convolution
from fastcar.reference.vila_u.convolution import Convolution


def convolve_by_loops(x: FloatArray, weight: FloatArray, bias: FloatArray) -> FloatArray:
    """One sum per channel and place, in float64; what lies outside of the picture is left out."""
    _, height, width = x.shape
    side = weight.shape[-1]
    result = np.zeros((len(weight), height, width))
    for channel, row, column in np.ndindex(result.shape):
        total = float(bias[channel])
        for down, right in np.ndindex(side, side):
            top, left = row + down - side // 2, column + right - side // 2
            if 0 <= top < height and 0 <= left < width:
                total += float(weight[channel, :, down, right] @ x[:, top, left])
        result[channel, row, column] = total
    return result


@pytest.fixture
def small_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few values at a time that most pictures take several products."""
    monkeypatch.setattr(convolution, "PATCH_BYTES", 600)


@pytest.mark.usefixtures("small_patches")
@given(
    st.tuples(*[st.integers(1, 5)] * 2),
    st.tuples(*[st.integers(1, 7)] * 2),
    st.sampled_from([1, 3]),
    st.integers(0, 2**32 - 1),
)
def test_convolution_is_the_sum_over_neighbours(
    channels: tuple[int, int], size: tuple[int, int], side: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((channels[0], *size))
    weight = rng.standard_normal((channels[1], channels[0], side, side))
    bias = rng.standard_normal(channels[1])
    parts = (part.astype(np.float32) for part in (weight, bias, x))
    weight_32, bias_32, x_32 = parts
    found = Convolution(weight_32, bias_32).compute(x_32)
    assert found.dtype == np.float32
    expected = convolve_by_loops(x_32.astype(float), weight_32.astype(float), bias_32.astype(float))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
