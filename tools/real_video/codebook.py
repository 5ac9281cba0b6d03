"""Fit the codebook of the real-video model, and measure what the codec alone loses.

    python -m tools.real_video.codebook

Two kinds at equal size: `joint`, k-means on whole patches, and `product`, every sum of a mean and
of a shape (k-means on patches without their mean). The command compares them on held-out clips.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from fastcar.reference.arrays import Float32Array
from fastcar.reference.video.codec import PatchCodec, cut_patches
from tools.real_video.clip_sampler import GEOMETRY, ClipSampler
from tools.real_video.fetch import OUT
from tools.real_video.fidelity import measure_fidelity
from tools.real_video.film_files import load_films
from tools.real_video.record_clips import draw_clips
from tools.real_video.sources import SOURCES, select_sources

PATCH_PIXELS = GEOMETRY.patch_pixels
FIT_CLIPS = 6000
"""Clips of two frames that the codebook is fitted to."""


def sample_patches(sampler: ClipSampler) -> Float32Array:
    """Patches of training clips, [patches, 16] in [0, 1]."""
    frames = np.stack([sampler.draw(2)[0] for _ in range(FIT_CLIPS)])
    return cut_patches(frames, PATCH_PIXELS).reshape(-1, PATCH_PIXELS**2)


def fit_joint(patches: Float32Array, codes: int, seed: int) -> PatchCodec:
    """k-means on whole patches, sorted by brightness."""
    book = cluster(patches, codes, seed)
    book = book[np.argsort(book.mean(axis=1), kind="stable")]
    return PatchCodec(np.clip(book, 0, 1).astype(np.float32))


def fit_product(patches: Float32Array, codes: int, means: int, seed: int) -> PatchCodec:
    """Every sum of one of `means` means and one of codes / means shapes."""
    centres = cluster(patches.mean(axis=1, keepdims=True), means, seed)
    shapes = cluster(patches - patches.mean(axis=1, keepdims=True), codes // means, seed)
    book = np.sort(centres, axis=0)[:, None] + shapes[None]
    return PatchCodec(np.clip(book, 0, 1).reshape(-1, PATCH_PIXELS**2).astype(np.float32))


def cluster(points: Float32Array, count: int, seed: int) -> Float32Array:
    """Centres of k-means, [count, features]."""
    k_means = MiniBatchKMeans(count, batch_size=8192, n_init=2, max_iter=60, random_state=seed)
    centres: Float32Array = k_means.fit(points).cluster_centers_
    return centres


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder of packages and films")
    parser.add_argument("--sources", choices=("clear", "all"), default="clear")
    arguments = parser.parse_args()
    films = load_films(SOURCES, arguments.out)
    sampler = ClipSampler(films, select_sources(arguments.sources), np.random.default_rng(0))
    patches = sample_patches(sampler)
    measured = [s for s in SOURCES if s.held_out]
    held = {s.name: draw_clips(films, s, "held_out", 8) for s in measured}
    for codes, means in ((512, 0), (512, 16), (1024, 0), (1024, 16), (1024, 32), (2048, 0)):
        fitted = fit_product(patches, codes, means, 0) if means else fit_joint(patches, codes, 0)
        fidelity = {name: round(measure_fidelity(fitted, clips), 2) for name, clips in held.items()}
        kind = f"product of {means} means" if means else "joint"
        mean = round(float(np.mean(list(fidelity.values()))), 2)
        print(json.dumps({"codes": codes, "kind": kind, "mean": mean, **fidelity}), flush=True)


if __name__ == "__main__":
    main()
