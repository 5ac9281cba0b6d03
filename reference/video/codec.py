"""Patch codec: a frame is cut into patches, each patch is the nearest of K codebook patches.

Stands in for the RQ-VAE tokenizer of the paper's model (D-10): one token per patch, depth 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Float32Array, Int64Array
from fastcar.reference.errors import ArgumentError


@dataclass(frozen=True)
class PatchCodec:
    """Codebook of square patches.

    Attributes:
        codebook: [K, patch * patch] float32 in [0, 1]; row 0 is the black patch.
    """

    codebook: Float32Array

    def __post_init__(self) -> None:
        book = self.codebook
        if book.ndim != 2 or self.patch_pixels**2 != book.shape[1]:
            raise ArgumentError("codebook shape", book.shape, "[codes, patch * patch]")
        inside = (book >= 0) & (book <= 1)  # NaN is not
        if not inside.all():
            raise ArgumentError("codebook", float(book[~inside][0]), "in [0, 1]")

    @property
    def num_codes(self) -> int:
        """K, the number of codes."""
        return int(self.codebook.shape[0])

    @property
    def patch_pixels(self) -> int:
        """Side of a patch, pixels."""
        return math.isqrt(self.codebook.shape[1])

    def encode(self, frames: NDArray[np.floating]) -> Int64Array:
        """Nearest code of every patch, the lowest index at a tie.

        Args:
            frames: [..., H, W] in [0, 1], H and W multiples of the patch.

        Returns:
            [..., N] int64 codes, patches in row-major order.
        """
        patches = cut_patches(np.asarray(frames, np.float32), self.patch_pixels)
        flat = patches.reshape(-1, patches.shape[-1])
        distances = (self.codebook**2).sum(axis=1) - 2 * flat @ self.codebook.T  # [patches, K]
        nearest: Int64Array = distances.argmin(axis=1).astype(np.int64)
        return nearest.reshape(patches.shape[:-1])

    def decode(self, codes: NDArray[np.integer], patches_per_side: int) -> Float32Array:
        """Pixels of a sequence of codes.

        Args:
            codes: [..., N] with N = patches_per_side ** 2, each in [0, K).
            patches_per_side: patches along one side of a frame.

        Returns:
            [..., H, W] float32.
        """
        outside = codes[(codes < 0) | (codes >= self.num_codes)]
        if outside.size:
            raise ArgumentError("codes", int(outside[0]), f"in [0, {self.num_codes})")
        side, patch = patches_per_side, self.patch_pixels
        pixels: Float32Array = self.codebook[codes].reshape(
            *codes.shape[:-1], side, side, patch, patch
        )
        joined = np.moveaxis(pixels, -2, -3)  # [..., side, patch, side, patch]
        return joined.reshape(*codes.shape[:-1], side * patch, side * patch)


def cut_patches(frames: Float32Array, patch_pixels: int) -> Float32Array:
    """[..., H, W] pixels to [..., N, patch * patch], patches in row-major order."""
    *lead, height, width = frames.shape
    if height % patch_pixels or width % patch_pixels:
        raise ArgumentError("frame size", (height, width), f"multiples of {patch_pixels}")
    rows, columns = height // patch_pixels, width // patch_pixels
    split = frames.reshape(*lead, rows, patch_pixels, columns, patch_pixels)
    return np.moveaxis(split, -3, -2).reshape(*lead, rows * columns, patch_pixels**2)
