"""FlowCache's rule (arXiv:2602.10825, after TeaCache, arXiv:2411.19108): changes add up (D-54).

Published, for a chunk of a video and one denoising step after the other: with x the features that
enter and x' those of the step before, the relative change mean|x - x'| / (mean|x'| + 1e-8) is added
to a sum; while the sum stays below a threshold the chunk's output is reused. A step that computes
sets the sum to 0, its own change included. The first step and those of a warm-up compute.

Here frames stand for steps, because a token model has none: what a place is fed in one frame is
compared with what it was fed in the frame before, computed or not.
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.distances import compute_change, compute_size
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures

SMALLEST_SIZE = 1e-8
"""Added to what a change is divided by, as published."""


class AccumulatedGate(ThresholdGate):
    """Replay iff the relative changes of the normalised MLP input since the last computation add
    up to at most delta; for each layer, place and row on its own.

    It adds 2 D numbers and multiplies none, but the norm of replayed rows is needed (D-16).

    Attributes:
        previous_inputs: [L, B, N, D], inputs of one frame earlier; NaN before the first token.
        sums: [L, B, N] float64, relative changes since the last computation.
    """

    name = "accumulated"
    higher_is_safer = False

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Allocate one frame of inputs and sums per layer and row."""
        super().reset(config, rows, tokens_per_frame, dtype)
        places = config.num_hidden_layers, rows, tokens_per_frame
        self.previous_inputs: FloatArray = np.full((*places, config.hidden_size), np.nan, dtype)
        self.sums: Measures = np.zeros(places)

    def measure(self, query: GateQuery) -> Measures:
        """The sum with the newest change; NaN in the first frame."""
        place = query.layer_index, slice(None), query.location_index
        previous, width = self.previous_inputs[place], self.previous_inputs.shape[-1]
        change = compute_change(query.mlp_input, previous) / width
        relative = change / (compute_size(previous) / width + SMALLEST_SIZE)
        summed: Measures = self.sums[place] + relative
        return summed

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Keep the sum where the row replayed, start again where it computed."""
        super().update(query, measures, replayed)
        place = query.layer_index, slice(None), query.location_index
        self.sums[place] = np.where(replayed, measures, 0.0)
        self.previous_inputs[place] = query.mlp_input


class FrameAccumulatedGate(ThresholdGate):
    """Replay a whole frame, in all layers, iff the relative changes of its inputs add up to at most
    delta: FlowCache's granularity, with a frame for its chunk.

    Their chunk is known before it is computed; a frame is not, its tokens are drawn one by one. So
    the change that is added before a frame is that of the frame before: of the embeddings that it
    was fed against those one frame earlier. Causal, one frame late. A limit on chains or a warm-up
    that makes the first token of a frame compute makes the frame a computed one.

    Attributes:
        previous: [B, N, D], embeddings fed one frame earlier.
        totals: [2, B] float64, summed absolute change and summed size of the current frame.
        sums: [B] float64, changes since the last computed frame.
        measures: [B] float64, of the current frame; NaN before the third.
        replays: [B], whether the current frame replays, once its first decision is made.
    """

    name = "accumulated-frame"
    higher_is_safer = False

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Allocate one frame of embeddings per row."""
        super().reset(config, rows, tokens_per_frame, dtype)
        shape = rows, tokens_per_frame, config.hidden_size
        self.previous: FloatArray = np.full(shape, np.nan, dtype)
        self.totals: Measures = np.full((2, rows), np.nan)
        self.sums: Measures = np.zeros(rows)
        self.measures: Measures = np.full(rows, np.nan)
        self.replays: BoolArray = np.zeros(rows, bool)
        self._token_index = -1
        self._is_decided = False

    def measure(self, query: GateQuery) -> Measures:
        """The frame's sum, the same for all its tokens and layers; NaN in the first two frames."""
        if query.token_index != self._token_index:
            self._token_index = query.token_index
            if query.location_index == 0:
                self._start_frame()
            self._add(query)
        return self.measures.copy()

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Compare at the first token of a frame, in its first layer; then do as was done there."""
        return self.replays.copy() if self._is_decided else super().decide(query, measures)

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """The first decision of a frame is that of the frame."""
        super().update(query, measures, replayed)
        if not self._is_decided:
            self._is_decided = True
            self.replays = replayed.copy()
            self.sums = np.where(replayed, self.measures, 0.0)

    def _start_frame(self) -> None:
        width = self.previous.shape[1] * self.previous.shape[2]
        change, size = self.totals / width
        self.measures = self.sums + change / (size + SMALLEST_SIZE)
        self.totals = np.zeros_like(self.totals)
        self._is_decided = False

    def _add(self, query: GateQuery) -> None:
        """Count the token; what has no predecessor makes the totals NaN."""
        assert query.embedded is not None, "the decoder says what it feeds"
        previous = self.previous[:, query.location_index]
        self.totals[0] += compute_change(query.embedded, previous)
        self.totals[1] += compute_size(previous)
        self.previous[:, query.location_index] = query.embedded
