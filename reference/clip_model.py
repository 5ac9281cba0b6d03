"""What calibration, co-simulation and analysis ask of a model: rows of tokens, perhaps pixels.

A video model answers with its recorded clips (`fastcar.reference.video.model`), any other Llama
directory with the tokens of a file (`fastcar.reference.token_model`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.generate import Prompts
from fastcar.reference.weights import ModelWeights

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class TokenRows:
    """Rows of tokens with their prompts.

    Attributes:
        prompts: [rows, P] each.
        token_ids: [rows, S] int64, frame after frame; the last frame may be cut.
        source: what they are, for people and errors.
    """

    prompts: Prompts
    token_ids: TokenIds
    source: str

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.token_ids)

    def take(self, count: int, argument: str = "rows") -> TokenRows:
        """The first rows.

        Raises:
            ArgumentError: says so of `argument`.
        """
        if not 1 <= count <= len(self):
            raise ArgumentError(argument, count, f"from 1 to {len(self)}, {self.source}")
        chosen = Prompts(self.prompts.conditional[:count], self.prompts.unconditional[:count])
        return TokenRows(chosen, self.token_ids[:count], self.source)

    def count_frames(self, tokens_per_frame: int) -> int:
        """Whole frames of a row."""
        num_tokens: int = self.token_ids.shape[1]
        return num_tokens // tokens_per_frame


class ClipModel(Protocol):
    """A model and rows of tokens it can be fed."""

    @property
    def name(self) -> str:
        """For people: the name of its directory."""
        ...

    @property
    def directory(self) -> Path:
        """Where it was loaded from."""
        ...

    @property
    def config(self) -> ModelConfig:
        """Sizes of the decoder."""
        ...

    @property
    def weights(self) -> ModelWeights:
        """Of the decoder."""
        ...

    @property
    def tokens_per_frame(self) -> int:
        """N."""
        ...

    @property
    def num_frames(self) -> int:
        """Frames that the model was trained for, or that its rows have where nobody says."""
        ...

    @property
    def num_codes(self) -> int:
        """Ids from 0 on that may be drawn; ids of prompts follow."""
        ...

    @property
    def codebook(self) -> Pixels | None:
        """[K, patch * patch] in [0, 1], patch of every code; None for a model without pixels."""
        ...

    @property
    def has_pixels(self) -> bool:
        """Whether `render` gives any."""
        ...

    def load_rows(self, split: str) -> TokenRows:
        """Rows to calibrate on ("calibration") or to measure on ("held_out")."""
        ...

    def render(self, token_ids: NDArray[np.integer]) -> Pixels | None:
        """[rows, frames, H, W] in [0, 1] of [rows, frames * N]; None for a model without pixels."""
        ...

    def get_loader(self) -> Callable[[], ClipModel]:
        """What loads the model again, in another process: picklable, without the weights."""
        ...
