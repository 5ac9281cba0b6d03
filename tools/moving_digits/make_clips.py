"""Record the clips that are shipped beside the model: true videos and what they show.

    python -m tools.moving_digits.make_clips --out DIR

"calibration" shows training digits, "held_out" digits that no training ever saw. Each clip is
rendered to pixels and encoded by the model's own codec.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from fastcar.reference.video.codec import PatchCodec
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.moving_digits import Motion, render_clip
from fastcar.reference.video.prompt import DIRECTIONS
from tools.moving_digits.clip_sampler import GEOMETRY, MAX_FRAMES
from tools.moving_digits.digit_images import load_split

NUM_CALIBRATION_CLIPS = 32
NUM_HELD_OUT_CLIPS = 100


def make_clips(
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    codec: PatchCodec,
    geometry: VideoGeometry,
    count: int,
    seed: int,
) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Draw clips, each of another image.

    Returns:
        token_ids [count, MAX_FRAMES * N] uint8, and prompts [count, 5] int8: digit, velocity x and
            y, start x and y.
    """
    rng = np.random.default_rng(seed)
    directions = list(DIRECTIONS.values())
    token_ids = np.empty((count, MAX_FRAMES * geometry.tokens_per_frame), np.uint8)
    prompts = np.empty((count, 5), np.int8)
    for clip_index, image_index in enumerate(rng.choice(len(images), count, replace=False)):
        velocity_x, velocity_y = directions[rng.integers(len(directions))]
        start_x, start_y = (int(place) for place in rng.integers(0, geometry.positions_per_axis, 2))
        motion = Motion(start_x, start_y, velocity_x, velocity_y)
        frames = render_clip(images[image_index], motion, geometry, MAX_FRAMES)
        token_ids[clip_index] = codec.encode(frames).reshape(-1)
        digit = int(labels[image_index])
        prompts[clip_index] = digit, velocity_x, velocity_y, start_x, start_y
    return token_ids, prompts


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="directory of the model")
    arguments = parser.parse_args()
    codec = PatchCodec(load_file(arguments.out / "codebook.safetensors")["codebook"])
    arrays: dict[str, NDArray[np.uint8] | NDArray[np.int8]] = {}
    parts = zip(
        ("calibration", "held_out"),
        load_split(),
        (NUM_CALIBRATION_CLIPS, NUM_HELD_OUT_CLIPS),
        strict=True,
    )
    for seed, (name, (images, labels), count) in enumerate(parts):
        token_ids, prompts = make_clips(images, labels, codec, GEOMETRY, count, seed)
        arrays |= {f"{name}.token_ids": token_ids, f"{name}.prompts": prompts}
    save_file(arrays, arguments.out / "clips.safetensors")


if __name__ == "__main__":
    main()
