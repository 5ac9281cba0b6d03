"""Training clips drawn in token space: codes of a digit placed on black along its path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.moving_digits import Motion, compute_path
from fastcar.reference.video.prompt import DIRECTIONS, PROMPT_TOKENS, Prompt, PromptVocabulary

GEOMETRY = VideoGeometry(frames=16, canvas_pixels=32, patch_pixels=4, digit_pixels=16)
"""Sizes of the shipped model's videos."""
MAX_FRAMES = 32
"""Longest clip that is trained and recorded, frames."""
RANDOM_BLOCK_SHARE = 0.15
"""Clips that show random codes instead of a digit, which can only be copied."""
NULL_START_SHARE = 0.2
"""Prompts that do not say where the digit starts."""
NULL_PROMPT_SHARE = 0.1
"""Prompts replaced by the unconditional one, which guidance needs."""


@dataclass
class ClipSampler:
    """Draws clips.

    Attributes:
        digit_codes: [n, side, side] int64, codes of the digits.
        labels: [n] int64.
        vocabulary: token ids of prompts.
        geometry: sizes.
        rng: source of randomness.
    """

    digit_codes: NDArray[np.int64]
    labels: NDArray[np.int64]
    vocabulary: PromptVocabulary
    geometry: VideoGeometry
    rng: np.random.Generator

    def sample(
        self, clips: int, frames: int, random_block_share: float = RANDOM_BLOCK_SHARE
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Draw clips.

        Returns:
            Token ids [clips, PROMPT_TOKENS + frames * N], and [clips] whether a clip shows random
            codes: its first frame is noise that no model can learn.
        """
        length = PROMPT_TOKENS + frames * self.geometry.tokens_per_frame
        batch = np.empty((clips, length), np.int64)
        is_random = self.rng.random(clips) < random_block_share
        for row, is_random_block in zip(batch, is_random, strict=True):
            self._draw_clip(row, frames, bool(is_random_block))
        return batch, is_random

    def _draw_clip(self, row: NDArray[np.int64], frames: int, is_random_block: bool) -> None:
        index = int(self.rng.integers(len(self.labels)))
        codes = self.digit_codes[index]
        directions = list(DIRECTIONS.values())
        velocity_x, velocity_y = directions[self.rng.integers(len(directions))]
        places = self.geometry.positions_per_axis
        start_x, start_y = (int(place) for place in self.rng.integers(0, places, size=2))
        shown = Prompt(int(self.labels[index]), velocity_x, velocity_y, start_x, start_y)
        prompt = self.vocabulary.encode(shown)
        if is_random_block:
            codes = self.rng.integers(0, self.vocabulary.num_codes, size=codes.shape)
            prompt[1] = self.vocabulary.null_token
        if self.rng.random() < NULL_START_SHARE:
            prompt[-2:] = [self.vocabulary.null_token] * 2
        if self.rng.random() < NULL_PROMPT_SHARE:
            prompt = self.vocabulary.encode_unconditional()
        row[:PROMPT_TOKENS] = prompt
        motion = Motion(start_x, start_y, velocity_x, velocity_y)
        row[PROMPT_TOKENS:] = place_codes(codes, motion, self.geometry, frames).reshape(-1)


def place_codes(
    codes: NDArray[np.int64], motion: Motion, geometry: VideoGeometry, frames: int
) -> NDArray[np.int64]:
    """Codes of a whole clip, [frames, N]: equal to encoding the rendered clip, without pixels."""
    side, block = geometry.patches_per_side, geometry.digit_patches_per_side
    places = geometry.positions_per_axis
    path_x = compute_path(motion.start_x, motion.velocity_x, frames, places)
    path_y = compute_path(motion.start_y, motion.velocity_y, frames, places)
    canvas = np.zeros((frames, side, side), np.int64)
    for frame, (x, y) in enumerate(zip(path_x, path_y, strict=True)):
        canvas[frame, y : y + block, x : x + block] = codes
    return canvas.reshape(frames, -1)
