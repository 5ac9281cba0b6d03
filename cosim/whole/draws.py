"""Which token comes next: of the reference as `PickEngine` draws it, of hardware as its noise."""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import FloatArray, Int16Array, TokenIds
from fastcar.reference.integer.whole.head import make_gumbel_noise
from fastcar.reference.integer.whole.pick_engine import PickEngine
from fastcar.reference.sampling import Sampling, make_streams


class Draws:
    """Draws of every row, twice from equal streams: tokens, and the noise that leads to them.

    Args:
        temperature: 0 is greedy.
        seed: of the streams, one per row.
        num_rows: B.
        num_codes: ids below it are drawn.
        scale: value of one step of a logit.
    """

    def __init__(
        self, temperature: float, seed: int, num_rows: int, num_codes: int, scale: float
    ) -> None:
        self.num_rows, self.num_codes, self.scale = num_rows, num_codes, scale
        self._sampling = Sampling(temperature)
        self._picker = PickEngine(scale)
        self._streams = make_streams(seed, num_rows)
        self._twins = make_streams(seed, num_rows)

    def draw(self, logits: FloatArray) -> TokenIds:
        """The next token [B] of logits [B, V]."""
        return self._picker.draw(self._sampling, logits[:, : self.num_codes], self._streams)

    def make_noise(self) -> Int16Array:
        """What the host writes for the same draw, [B, num_codes]; zeros if greedy."""
        uniforms = np.stack([stream.random(self.num_codes) for stream in self._twins])
        return make_gumbel_noise(uniforms, self._sampling.temperature, self.scale)

    def take_greedily(self, logits: FloatArray) -> TokenIds:
        """What hardware leaves where the next token is given; no stream advances."""
        taken: TokenIds = logits[:, : self.num_codes].argmax(axis=-1)
        return taken

    def make_silence(self) -> Int16Array:
        """The noise of that."""
        return np.zeros((self.num_rows, self.num_codes), np.int16)
