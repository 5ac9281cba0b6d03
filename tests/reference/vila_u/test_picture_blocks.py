"""Blocks of the pixel decoder against their formulas; the recorded decoder tests them together."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.arrays import Float32Array
from fastcar.reference.vila_u import picture_blocks
from fastcar.reference.vila_u.convolution import Convolution
from fastcar.reference.vila_u.picture_blocks import AttentionBlock, GroupNorm, Resize, Upsampling


def draw(seed: int, *shape: int) -> Float32Array:
    """Normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def make_attention(channels: int) -> AttentionBlock:
    """A block of random weights."""
    maps = [Convolution(draw(k, channels, channels, 1, 1), draw(k + 4, channels)) for k in range(4)]
    return AttentionBlock(GroupNorm(draw(8, channels), draw(9, channels)), *maps)


def test_group_norm_has_mean_and_variance_of_a_group() -> None:
    x = draw(0, 64, 3, 5) * 7 + 3
    weight, bias = draw(1, 64), draw(2, 64)
    found = GroupNorm(weight, bias).compute(x)
    groups = x.astype(float).reshape(32, 2, 3, 5)
    mean = groups.mean(axis=(1, 2, 3), keepdims=True)
    variance = groups.var(axis=(1, 2, 3), keepdims=True)
    expected = ((groups - mean) / np.sqrt(variance + 1e-6)).reshape(x.shape)
    expected = expected * weight[:, None, None] + bias[:, None, None]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_group_norm_of_a_flat_picture_is_its_bias() -> None:
    found = GroupNorm(draw(1, 32), draw(2, 32)).compute(np.full((32, 2, 2), 5, np.float32))
    np.testing.assert_array_equal(found, np.broadcast_to(draw(2, 32)[:, None, None], found.shape))


def test_attention_does_not_depend_on_how_many_places_are_scored_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, block = draw(0, 32, 3, 5), make_attention(32)
    whole = block.compute(x)
    monkeypatch.setattr(picture_blocks, "SCORE_BYTES", 4 * 15 * 4)
    np.testing.assert_allclose(block.compute(x), whole, rtol=0, atol=1e-4)


def test_upsampling_repeats_every_pixel_four_times() -> None:
    weight = np.zeros((1, 1, 3, 3), np.float32)
    weight[0, 0, 1, 1] = 1
    found = Upsampling(Convolution(weight, np.zeros(1, np.float32))).compute(draw(0, 1, 2, 3))
    np.testing.assert_array_equal(found[:, 1::2, ::2], draw(0, 1, 2, 3))
    np.testing.assert_array_equal(found[:, ::2, 1::2], draw(0, 1, 2, 3))


def test_resize_to_the_same_size_changes_nothing() -> None:
    np.testing.assert_array_equal(Resize(3, 5).compute(draw(0, 2, 3, 5)), draw(0, 2, 3, 5))


def test_resize_reads_half_way_between_the_two_nearest_centres() -> None:
    x = np.arange(6, dtype=np.float32).reshape(1, 1, 6)
    assert Resize(1, 3).compute(x).tolist() == [[[0.5, 2.5, 4.5]]]


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (9, 4)])
def test_resize_keeps_a_linear_ramp_away_from_the_edges(size: tuple[int, int]) -> None:
    rows, columns = np.mgrid[:5, :6].astype(np.float32)
    found = Resize(*size).compute((rows + 10 * columns)[None])
    down = np.clip((np.arange(size[0]) + 0.5) * 5 / size[0] - 0.5, 0, 4)
    right = np.clip((np.arange(size[1]) + 0.5) * 6 / size[1] - 0.5, 0, 5)
    np.testing.assert_allclose(found[0], down[:, None] + 10 * right, rtol=0, atol=1e-4)
