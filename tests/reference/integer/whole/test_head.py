"""Head and pick against Python integers; the pick draws from the softmax."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastcar.reference.attention import compute_softmax
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.whole.head import make_gumbel_noise, pick_tokens
from fastcar.strategies import make_run
from tests.reference.integer import naive
from tests.reference.integer.whole.naive import multiply
from tests.reference.integer.whole.runs import quantize_whole_run

int16s = arrays(np.int16, (2, 7), elements=st.integers(-32767, 32767))
small = arrays(np.int16, (2, 7), elements=st.integers(-2, 2))


@given(st.one_of(int16s, small), st.one_of(int16s, small))
def test_pick_is_the_first_largest_saturated_sum(logits: Any, noise: Any) -> None:
    found = pick_tokens(logits, noise)
    for row, chosen in enumerate(found.tolist()):
        sums = [
            naive.limit(one + two)
            for one, two in zip(logits[row].tolist(), noise[row].tolist(), strict=True)
        ]
        assert chosen == sums.index(max(sums))


def test_head_is_norm_and_product() -> None:
    head = quantize_whole_run(make_run(3)).head
    x = np.random.default_rng(1).integers(-9000, 9001, (3, 12)).astype(np.int16)
    found = head.run(x)
    for row, logits in zip(x.tolist(), found.tolist(), strict=True):
        normed = naive.rms_norm(row, head.gains.tolist(), head.epsilon)
        assert logits == multiply(head.matrix, normed)


def test_pick_with_noise_draws_from_the_softmax() -> None:
    rng = np.random.default_rng(2)
    logits, scale, temperature = np.array([3000, 2500, 2000, -4000], np.int16), 1e-3, 0.7
    noise = make_gumbel_noise(rng.random((40000, 4)), temperature, scale)
    picked = pick_tokens(np.broadcast_to(logits, noise.shape), noise)
    found = np.bincount(picked, minlength=4) / len(picked)
    expected = compute_softmax(logits * scale / temperature, axis=0)
    assert np.abs(found - expected).max() < 5 * np.sqrt(0.25 / len(picked))


def test_noise_of_temperature_0_is_none_and_ends_are_finite() -> None:
    uniforms = np.array([0.0, 0.5, 1 - 2.0**-53])
    assert make_gumbel_noise(uniforms, 0.0, 1e-3).tolist() == [0, 0, 0]
    assert make_gumbel_noise(uniforms, 1.0, 1e-2).tolist() == [-362, 37, 3674]
    assert make_gumbel_noise(uniforms, 1.0, 1e-4).tolist() == [-32767, 3665, 32767]


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^temperature = -1: must be finite and at least 0$"):
        make_gumbel_noise(np.zeros(1), -1, 1.0)
    head = quantize_whole_run(make_run(3)).head
    with pytest.raises(ArgumentError, match=r"^head = \(11, 12\): must be of width 11$"):
        replace(head, gains=head.gains[:11])
    with pytest.raises(ArgumentError, match=r"^epsilon = 0: must be at least 1$"):
        replace(head, epsilon=0)
    with pytest.raises(ArgumentError, match=r"^scale of logits = 0.0: "):
        replace(head, scale=0.0)
