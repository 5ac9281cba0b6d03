"""MotionCache's rule (arXiv:2605.01725): changes add up faster where the picture moves (D-54).

Published, for a chunk of a video and one denoising step after the other: d is the relative L1
change of what conditions the whole chunk since the step before; token i adds w_i d to its sum and
is recomputed, which sets the sum to 0, once that reaches a threshold. w_i is the token's difference
between frames over the mean of its frame, at least 0.3; it is 1 in a first phase. A step that would
recompute less than 0.4 of the tokens is left out altogether, which spares a batch that is nearly
empty: a decoder that feeds one token after the other has no such batch, and no such rule here.

Here frames stand for steps. A token model does not know the frame ahead, so d is the newest change
of a whole frame that is known: that of the layer's inputs in the frame before, one d for all tokens
of a frame, as published. The last N inputs, which reach into this frame, and the fed embeddings,
one d for all layers, were tried on calibration clips of the shipped model: no better (D-54).
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.distances import add_in_lanes, compute_change, compute_size
from fastcar.reference.gates.accumulated import SMALLEST_SIZE
from fastcar.reference.gates.cost import GateCost
from fastcar.reference.gates.patches import PatchGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures

WEIGHT_FLOOR = 0.3
"""Least weight of a token, as published."""


class MotionGate(PatchGate):
    """Replay iff the weighted changes since the last computation of the place add up to at most
    delta.

    A place's measure is its sum + w d. d, one for the frame, layer and row: |n - n'| summed over
    the tokens of the frame before, by |n'| summed likewise, n the normalised MLP input and n' that
    of one frame earlier; so no token of the first two frames has a measure, in place of the
    published first phase. w, one for the token and row: |p - p'| of the fed patch p by the mean of
    this over the last N fed tokens, itself included, at least 0.3.

    One multiplication; additions: 2 D in every layer, 2 F for every token. The norm of replayed
    rows is needed (D-16).

    Attributes:
        previous_inputs: [L, B, N, D], inputs of one frame earlier; NaN before the first token.
        totals: [2, L, B] float64, |n - n'| and |n'| summed over the current frame.
        changes: [L, B] float64, d; NaN in the first two frames.
        sums: [L, B, N] float64, weighted changes since the last computation.
        previous_patches: [B, N, F], patches fed one frame earlier; NaN before the first token.
        differences: [B, N] float64, |p - p'| of the last N tokens; NaN before the first.
        weights: [B] float64, w of the token; NaN in the first two frames.
    """

    name = "motion"

    @classmethod
    def compute_cost(cls, config: ModelConfig) -> GateCost:
        """The product w d."""
        return GateCost(measured=1)

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Allocate one frame of inputs, patches and sums."""
        super().reset(config, rows, tokens_per_frame, dtype)
        places = config.num_hidden_layers, rows, tokens_per_frame
        self.previous_inputs: FloatArray = np.full((*places, config.hidden_size), np.nan, dtype)
        self.totals: Measures = np.full((2, *places[:2]), np.nan)
        self.changes: Measures = np.full(places[:2], np.nan)
        self.sums: Measures = np.zeros(places)
        self.previous_patches: FloatArray = np.full((*places[1:], self.get_width(config)), np.nan)
        self.differences: Measures = np.full(places[1:], np.nan)
        self.weights: Measures = np.ones(rows)
        self._token_index = -1

    def measure(self, query: GateQuery) -> Measures:
        """The sum with the newest weighted change; NaN before any change is known."""
        if query.token_index != self._token_index:
            self._token_index = query.token_index
            self._weigh(query)
        layer = query.layer_index
        if query.location_index == 0:
            change, size = self.totals[:, layer]
            self.changes[layer] = change / (size + SMALLEST_SIZE)
            self.totals[:, layer] = 0
        weighted = self.weights * self.changes[layer]
        summed: Measures = self.sums[layer, :, query.location_index] + weighted
        return summed

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Keep the sum where the row replayed, start again where it computed; note the change."""
        super().update(query, measures, replayed)
        place = query.layer_index, slice(None), query.location_index
        self.sums[place] = np.where(replayed, measures, 0.0)
        previous, normed = self.previous_inputs[place], query.mlp_input
        self.totals[0, query.layer_index] += compute_change(normed, previous)
        self.totals[1, query.layer_index] += compute_size(previous)
        self.previous_inputs[place] = normed

    def _weigh(self, query: GateQuery) -> None:
        """Note how the fed patch differs from that of one frame earlier, and weigh it by that."""
        patches, location = self.get_patches(query), query.location_index
        self.differences[:, location] = compute_change(patches, self.previous_patches[:, location])
        self.previous_patches[:, location] = patches
        mean = add_in_lanes(self.differences) / self.differences.shape[-1]
        share = self.differences[:, location] / (mean + SMALLEST_SIZE)
        self.weights = np.maximum(share, WEIGHT_FLOOR)
