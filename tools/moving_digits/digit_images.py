"""The real digits: scikit-learn's 8x8 handwritten digits, split once; a codebook fitted to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastcar.reference.video.codec import PatchCodec, cut_patches
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.moving_digits import enlarge

SPLIT_SEED = 0
HELD_OUT_SHARE = 0.2
NUM_CODES = 256

LabelledImages = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Images [n, 8, 8] in [0, 1] and labels [n]."""


def load_split() -> tuple[LabelledImages, LabelledImages]:
    """Return ((images, labels) for training, the same held out); images [n, 8, 8] in [0, 1].

    The split is stratified and fixed by SPLIT_SEED; no held-out image is used in training, neither
    for the codebook nor for the model.
    """
    digits = load_digits()
    images = (digits.images / 16.0).astype(np.float32)
    labels = digits.target.astype(np.int64)
    train_images, held_images, train_labels, held_labels = train_test_split(
        images, labels, test_size=HELD_OUT_SHARE, stratify=labels, random_state=SPLIT_SEED
    )
    return (train_images, train_labels), (held_images, held_labels)


def shift(image: NDArray[np.float32], dx: int, dy: int) -> NDArray[np.float32]:
    """Move an image by whole source pixels, black where it left."""
    size = image.shape[0]
    moved = np.zeros_like(image)
    rows = slice(max(dy, 0), size + min(dy, 0)), slice(max(-dy, 0), size + min(-dy, 0))
    columns = slice(max(dx, 0), size + min(dx, 0)), slice(max(-dx, 0), size + min(-dx, 0))
    moved[rows[0], columns[0]] = image[rows[1], columns[1]]
    return moved


def augment(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Shift by at most one source pixel per axis and scale the brightness by 0.8 to 1."""
    dx, dy = (int(step) for step in rng.integers(-1, 2, size=2))
    return shift(image, dx, dy) * np.float32(rng.uniform(0.8, 1.0))


def fit_codec(images: NDArray[np.float32], geometry: VideoGeometry, seed: int) -> PatchCodec:
    """k-means over the patches of enlarged training digits; code 0 is the black patch."""
    rng = np.random.default_rng(seed)
    enlarged = np.stack(
        [
            enlarge(augment(image, rng) if copy else image, geometry.get_digit_pixels())
            for copy in range(3)
            for image in images
        ]
    )
    patches = cut_patches(enlarged, geometry.patch_pixels).reshape(-1, geometry.patch_pixels**2)
    patches = patches[patches.max(axis=1) > 1 / 64]
    fitted = KMeans(n_clusters=NUM_CODES - 1, n_init=1, random_state=seed).fit(patches)
    black = np.zeros((1, patches.shape[1]))
    codebook = np.concatenate([black, fitted.cluster_centers_]).clip(0, 1).astype(np.float32)
    return PatchCodec(codebook)


def encode_digits(
    images: NDArray[np.float32], codec: PatchCodec, geometry: VideoGeometry
) -> NDArray[np.int64]:
    """Codes [n, side, side] of enlarged digits; a frame is these codes on a black ground."""
    side = geometry.digit_patches_per_side
    enlarged = np.stack([enlarge(image, geometry.get_digit_pixels()) for image in images])
    return codec.encode(enlarged).reshape(len(images), side, side)
