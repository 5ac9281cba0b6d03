"""The input gate's work with a given share of replays, for models whose weights mean nothing."""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import BoolArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import FixedThresholds, Measures
from tools.bench.gate import EvenGate


class EvenInputGate(InputGate):
    """Takes the distance, keeps the inputs as `input` does, and then replays evenly.

    Args:
        ratio: share of every row's and layer's tokens that replay, in [0, 1].
        num_layers: L.
        seed: of the phases of rows and layers.
    """

    def __init__(self, ratio: float, num_layers: int, seed: int = 0) -> None:
        super().__init__(FixedThresholds((0.0,) * num_layers))
        self._rhythm = EvenGate(ratio, seed)

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Forget the inputs, draw the phases."""
        super().reset(config, rows, tokens_per_frame, dtype)
        self._rhythm.reset(config, rows, tokens_per_frame, dtype)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Where the rhythm of the row says so."""
        return self._rhythm.decide(query, measures)
