"""Blocks of the pixel decoder, each from one picture [I, h, w] to one [O, h', w'], float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fastcar.reference.arrays import Float32Array
from fastcar.reference.attention import compute_softmax
from fastcar.reference.swiglu import compute_silu
from fastcar.reference.vila_u.convolution import Convolution

NORM_GROUPS = 32
_NORM_EPSILON = 1e-6
SCORE_BYTES = 1 << 26
"""Attention scores held at a time; at least those of one place."""


class PictureBlock(Protocol):
    """A step of the decoder."""

    def compute(self, x: Float32Array) -> Float32Array:
        """From [I, h, w] to [O, h', w']."""


@dataclass(frozen=True)
class GroupNorm:
    """Mean 0 and variance 1 over each of 32 groups of channels, then a scale for each channel.

    Attributes:
        weight: [C], C a multiple of 32.
        bias: [C].
    """

    weight: Float32Array
    bias: Float32Array

    def compute(self, x: Float32Array) -> Float32Array:
        """Normalise [C, h, w]."""
        groups = x.reshape(NORM_GROUPS, -1)
        centred: Float32Array = groups - groups.mean(axis=1, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        centred /= np.sqrt(variance + np.float32(_NORM_EPSILON))
        normed: Float32Array = centred.reshape(x.shape)
        normed *= self.weight[:, None, None]
        normed += self.bias[:, None, None]
        return normed


@dataclass(frozen=True)
class ActivatedConvolution:
    """Norm, SiLU, convolution."""

    norm: GroupNorm
    convolution: Convolution

    def compute(self, x: Float32Array) -> Float32Array:
        """From [I, h, w] to [O, h, w]."""
        activated: Float32Array = compute_silu(self.norm.compute(x))
        return self.convolution.compute(activated)


@dataclass(frozen=True)
class ResidualBlock:
    """Two activated convolutions beside a shortcut.

    Attributes:
        first: from I to O channels.
        second: from O to O channels.
        shortcut: 1x1 from I to O; None where the channels stay.
    """

    first: ActivatedConvolution
    second: ActivatedConvolution
    shortcut: Convolution | None

    def compute(self, x: Float32Array) -> Float32Array:
        """From [I, h, w] to [O, h, w]."""
        change = self.second.compute(self.first.compute(x))
        change += x if self.shortcut is None else self.shortcut.compute(x)
        return change


@dataclass(frozen=True)
class AttentionBlock:
    """One head over all places of the picture, beside a shortcut; the four maps are 1x1."""

    norm: GroupNorm
    query: Convolution
    key: Convolution
    value: Convolution
    output: Convolution

    def compute(self, x: Float32Array) -> Float32Array:
        """From [C, h, w] to [C, h, w]."""
        channels = len(x)
        normed = self.norm.compute(x)
        query, key, value = (
            part.compute(normed).reshape(channels, -1)
            for part in (self.query, self.key, self.value)
        )
        places = query.shape[1]
        attended = np.empty_like(value)
        most = max(1, SCORE_BYTES // (places * x.itemsize))
        for first in range(0, places, most):
            some = slice(first, first + most)
            scores = (query[:, some].T @ key) * np.float32(channels**-0.5)
            attended[:, some] = value @ compute_softmax(scores, axis=1).T
        return x + self.output.compute(attended.reshape(x.shape))


@dataclass(frozen=True)
class Upsampling:
    """Every pixel becomes four, then a convolution."""

    convolution: Convolution

    def compute(self, x: Float32Array) -> Float32Array:
        """From [C, h, w] to [C, 2 h, 2 w]."""
        return self.convolution.compute(x.repeat(2, axis=1).repeat(2, axis=2))


@dataclass(frozen=True)
class Resize:
    """Bilinear interpolation between the centres of pixels; beyond the outermost, their values.

    Attributes:
        height: h' of the result.
        width: w'.
    """

    height: int
    width: int

    def compute(self, x: Float32Array) -> Float32Array:
        """From [C, h, w] to [C, h', w'].

        >>> Resize(1, 4).compute(np.array([[[0, 1]]], np.float32)).tolist()
        [[[0.0, 0.25, 0.75, 1.0]]]
        """
        rows = _make_interpolation(x.shape[1], self.height)
        columns = _make_interpolation(x.shape[2], self.width)
        resized = rows @ x @ columns.T
        return resized.astype(np.float32, copy=False)


def _make_interpolation(size: int, new_size: int) -> Float32Array:
    """Weights of the old places in the new ones, [new size, size]."""
    centres = (np.arange(new_size) + 0.5) * (size / new_size) - 0.5
    centres = np.clip(centres, 0, size - 1)
    lower = centres.astype(np.int64)
    upper = np.minimum(lower + 1, size - 1)
    weights = np.zeros((new_size, size))
    places = np.arange(new_size)
    weights[places, lower] += 1 - (centres - lower)
    weights[places, upper] += centres - lower
    return weights.astype(np.float32)
