"""Distance between what is fed and what was fed when the place was last computed."""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.distances import compute_distance
from fastcar.reference.gates.patches import PatchGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures

TIE = 2.0**-20
"""Share of 1 + distance below which two distances count as the same: those of equal codes are."""


class CodesGate(PatchGate):
    """Replay iff |p - p_last| <= delta, p the codebook patch of the fed token, Euclidean norm;
    p_last that of the last computed token in the place, in this layer (D-54).

    The layers multiply nothing for it: distances of codes are a table, [K, K]. Most of them are 0,
    so no threshold could tell these tokens apart; each distance d is therefore raised by less than
    2^-20 (1 + d), by a hash of layer, place and frame, so that some threshold reaches any ratio.

    Attributes:
        last_patches: [L, B, N, F]; NaN before the first token.
    """

    name = "codes"

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Allocate one frame of patches per layer and row."""
        super().reset(config, rows, tokens_per_frame, dtype)
        places = config.num_hidden_layers, rows, tokens_per_frame
        self.last_patches: FloatArray = np.full((*places, self.get_width(config)), np.nan)

    def measure(self, query: GateQuery) -> Measures:
        """Distance to the last computed patch; NaN where none exists yet."""
        last = self.last_patches[query.layer_index, :, query.location_index]
        distance = compute_distance(self.get_patches(query), last)
        share = draw_share(query.layer_index, query.location_index, query.frame_index)
        return distance + TIE * share * (1 + distance)

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Remember the patches of the rows that computed."""
        super().update(query, measures, replayed)
        last = self.last_patches[query.layer_index, :, query.location_index]
        last[~replayed] = self.get_patches(query)[~replayed]


def draw_share(*numbers: int) -> float:
    """A number in [0, 1) that depends on these in no simple way (SplitMix64), on any machine.

    >>> draw_share(1, 2, 3) == draw_share(1, 2, 3), draw_share(1, 2, 3) == draw_share(1, 3, 2)
    (True, False)
    """
    mask, state = 2**64 - 1, 0
    for number in numbers:
        state = (state ^ number) + 0x9E3779B97F4A7C15 & mask
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        state = (state ^ state >> 27) * 0x94D049BB133111EB & mask
        state ^= state >> 31
    return float((state >> 11) / 2**53)
