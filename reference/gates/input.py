"""Distance between the normalised MLP input and that of the last computed token in the place."""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.distances import compute_distance
from fastcar.reference.gates.cost import GateCost
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures


class LastInputGate(ThresholdGate):
    """Remembers n_last, the normalised MLP input of the last *computed* token of every place.

    So a distance to it bounds the error of what is replayed even in a chain.

    Attributes:
        last_inputs: [L, B, N, D], n_last of every place; NaN before the first token.
    """

    higher_is_safer = False

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Allocate one frame of inputs per layer and row."""
        super().reset(config, rows, tokens_per_frame, dtype)
        shape = (config.num_hidden_layers, rows, tokens_per_frame, config.hidden_size)
        self.last_inputs: FloatArray = np.full(shape, np.nan, dtype)

    def get_last_inputs(self) -> FloatArray:
        """n_last."""
        return self.last_inputs

    def measure(self, query: GateQuery) -> Measures:
        """Distance to the last computed input; NaN where none exists yet."""
        last = self.last_inputs[query.layer_index, :, query.location_index]
        return compute_distance(query.mlp_input, last)

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Remember the inputs of the rows that computed."""
        super().update(query, measures, replayed)
        last = self.last_inputs[query.layer_index, :, query.location_index]
        last[~replayed] = query.mlp_input[~replayed]


class InputGate(LastInputGate):
    """Replay iff |n - n_last| <= delta, Euclidean norm.

    A certificate can derive delta from a guaranteed output error (D-07). It costs D
    multiplications, and the norm of replayed rows, which no other needs (D-16).
    """

    name = "input"

    @classmethod
    def compute_cost(cls, config: ModelConfig) -> GateCost:
        """D squares."""
        return GateCost(measured=config.hidden_size)


class RelativeInputGate(LastInputGate):
    """Replay iff |n - n_last| / |n| <= delta: a large input may change by more (D-54)."""

    name = "input-relative"

    @classmethod
    def compute_cost(cls, config: ModelConfig) -> GateCost:
        """D squares for either length."""
        return GateCost(measured=2 * config.hidden_size)

    def measure(self, query: GateQuery) -> Measures:
        """Distance to the last computed input by the length of the new one; NaN at length 0."""
        normed = query.mlp_input
        distance, length = super().measure(query), compute_distance(normed, np.zeros_like(normed))
        with np.errstate(invalid="ignore", divide="ignore"):
            relative: Measures = distance / length
        relative[length == 0] = np.nan
        return relative
