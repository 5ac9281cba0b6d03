"""Which digit a frame shows and where: a classifier trained on the real digits, for evaluation.

The digit is looked for, not assumed to be where it ought to be: among all patch-aligned windows
of its size the one that holds most of the frame's brightness counts. A frame that is nearly black,
or bright outside the window too, shows no digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.svm import SVC

from fastcar.reference.arrays import Float32Array, Int64Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.codec import cut_patches
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.moving_digits import compute_path, enlarge
from fastcar.reference.video.prompt import Prompt
from tools.moving_digits.digit_images import LabelledImages, augment

SOURCE_PIXELS = 8
"""Side of the real images."""
NO_DIGIT = -1
MARGIN_PATCHES = 2
"""Windows reach this far over the edge, so that a digit is framed alike wherever it stands."""
CENTRING = 1e-3
"""Share of the brightness that a window may give up to be better centred by one patch."""
MAX_OUTSIDE_SHARE = 0.1
MIN_MASS_SHARE = 0.5
"""A frame darker than this share of the darkest training digit shows nothing."""
AUGMENTED_COPIES = 4


@dataclass(frozen=True)
class Windows:
    """The brightest digit-sized window of every frame.

    Attributes:
        images: [F, 8, 8] float32, windows averaged down to the size of the real images.
        places: [F, 2] int64, (x, y) of the window, patches.
        masses: [F] float32, brightness inside, sum over pixels.
        outside_shares: [F] float32 in [0, 1], brightness outside; 0 for a black frame.
    """

    images: Float32Array
    places: Int64Array
    masses: Float32Array
    outside_shares: Float32Array


def find_windows(frames: Float32Array, geometry: VideoGeometry) -> Windows:
    """Find the brightest digit-sized window, the best centred one where several hold as much.

    Args:
        frames: [F, H, W] in [0, 1].
        geometry: sizes; digit_pixels must be a multiple of 8.
    """
    if geometry.get_digit_pixels() % SOURCE_PIXELS:
        limit = f"a multiple of {SOURCE_PIXELS}"
        raise ArgumentError("digit_pixels", geometry.get_digit_pixels(), limit)
    patch, side = geometry.patch_pixels, geometry.digit_patches_per_side
    edge = MARGIN_PATCHES * patch
    padded = np.pad(frames, ((0, 0), (edge, edge), (edge, edge)))
    along = padded.shape[1] // patch
    masses = cut_patches(padded, patch).sum(axis=-1).reshape(-1, along, along)
    windows = sliding_window_view(masses, (side, side), axis=(1, 2))  # [F, places, places, s, s]
    inside = windows.sum(axis=(-2, -1))  # [F, places, places]
    offsets = np.arange(side) - (side - 1) / 2
    floor = np.finfo(np.float32).tiny
    centre_x = (windows.sum(axis=-2) * offsets).sum(axis=-1) / np.maximum(inside, floor)
    centre_y = (windows.sum(axis=-1) * offsets).sum(axis=-1) / np.maximum(inside, floor)
    totals = masses.sum(axis=(1, 2))
    shares = inside / np.maximum(totals, floor)[:, None, None]
    merit = shares - CENTRING * (centre_x**2 + centre_y**2)
    best = merit.reshape(len(frames), -1).argmax(axis=1)
    places = inside.shape[-1]
    place_y, place_x = best // places, best % places
    index = np.arange(len(frames))
    pixels = sliding_window_view(padded, (geometry.get_digit_pixels(),) * 2, axis=(1, 2))
    crops = pixels[index, place_y * patch, place_x * patch]
    outside = np.where(totals > 0, 1 - shares[index, place_y, place_x], 0)
    return Windows(
        shrink(crops),
        np.stack([place_x, place_y], axis=1) - MARGIN_PATCHES,
        inside[index, place_y, place_x],
        outside.astype(np.float32),
    )


def shrink(crops: Float32Array) -> Float32Array:
    """[F, S, S] to [F, 8, 8] by averaging."""
    step = crops.shape[-1] // SOURCE_PIXELS
    parts = crops.reshape(len(crops), SOURCE_PIXELS, step, SOURCE_PIXELS, step)
    return np.asarray(parts.mean(axis=(2, 4), dtype=np.float32))


def place_on_canvas(images: Float32Array, geometry: VideoGeometry) -> Float32Array:
    """[F, 8, 8] real images, each enlarged in the first place of a black frame [F, H, W]."""
    frames = np.zeros((len(images), geometry.canvas_pixels, geometry.canvas_pixels), np.float32)
    for frame, image in zip(frames, images, strict=True):
        frame[: geometry.get_digit_pixels(), : geometry.get_digit_pixels()] = enlarge(
            image, geometry.get_digit_pixels()
        )
    return frames


class DigitClassifier:
    """Support vector machine on the windows of real digits.

    Args:
        training: images [n, 8, 8] in [0, 1] and labels, of the training split only.
        geometry: sizes.
        seed: of the shifts and brightnesses that enlarge the training set.
        augmented_copies: of every image.
    """

    def __init__(
        self,
        training: LabelledImages,
        geometry: VideoGeometry,
        seed: int = 0,
        augmented_copies: int = AUGMENTED_COPIES,
    ) -> None:
        images, labels = training
        rng = np.random.default_rng(seed)
        copies = [images] + [
            np.stack([augment(image, rng) for image in images]) for _ in range(augmented_copies)
        ]
        windows = find_windows(place_on_canvas(np.concatenate(copies), geometry), geometry)
        self.geometry = geometry
        self.min_mass = MIN_MASS_SHARE * float(windows.masses.min())
        self._machine = SVC(C=10.0, gamma=0.05)
        self._machine.fit(_flatten(windows.images), np.tile(labels, len(copies)))

    def classify(self, frames: Float32Array) -> tuple[Int64Array, Int64Array]:
        """Digit of every frame, NO_DIGIT where there is none, and the place of its window.

        Args:
            frames: [..., H, W] in [0, 1].

        Returns:
            digits [...] int64 and places [..., 2] int64 (x, y), patches.
        """
        lead = frames.shape[:-2]
        windows = find_windows(frames.reshape(-1, *frames.shape[-2:]), self.geometry)
        digits = self._machine.predict(_flatten(windows.images)).astype(np.int64)
        is_clear = windows.masses >= self.min_mass
        is_clear &= windows.outside_shares <= MAX_OUTSIDE_SHARE
        digits = np.where(is_clear, digits, NO_DIGIT)
        return digits.reshape(lead), windows.places.reshape(*lead, 2)


def compute_motion_matches(
    places: Int64Array, prompt: Prompt, geometry: VideoGeometry
) -> NDArray[np.bool_]:
    """Steps from frame to frame that move as the prompt says, walls included.

    A narrow digit fits several windows, so the window may be one patch off the digit's own place;
    that is constant over a video. The start is the prompt's; where it says none, the one near the
    first window that explains most steps.

    Args:
        places: [T, 2] windows of a video, patches.
        prompt: holds the velocity and perhaps the start.
        geometry: sizes.

    Returns:
        [T - 1] bool.
    """
    velocities = prompt.velocity_x, prompt.velocity_y
    prompted = prompt.start_x, prompt.start_y
    moves = np.diff(places, axis=0)  # [T - 1, 2]
    per_axis = []
    for axis, velocity in enumerate(velocities):
        first = int(places[0, axis])
        near = range(max(0, first - 1), min(geometry.positions_per_axis, first + 2))
        start_prompted = prompted[axis]
        starts = near if start_prompted is None else [start_prompted]
        paths = [
            compute_path(start, velocity, len(places), geometry.positions_per_axis)
            for start in starts
        ]
        per_axis.append([np.diff(path) == moves[:, axis] for path in paths])
    fits = [x & y for x in per_axis[0] for y in per_axis[1]]
    never = np.zeros(len(moves), bool)
    return max(fits, key=lambda fit: int(fit.sum()), default=never)


def _flatten(images: Float32Array) -> Float32Array:
    return images.reshape(len(images), -1)
