"""Gates: what decides, per layer and row, whether the MLP output is replayed.

All share one interface, so they can be compared at equal ratio, and at equal multiplications
(`fastcar.reference.multiplications`). Each family has a file:

- `score`: `tas`, the Temporal Attention Score (arXiv:2505.14709v1); costs nothing extra.
- `input`: distance between the normalised MLP input and the one of the last computed token in
  that place; `input-relative` divides it by the input's length.
- `accumulated`: FlowCache's sum of relative changes since the last computation, and
  `accumulated-frame`, which decides once per frame as FlowCache does per chunk.
- `motion`: MotionCache's sum, where places that move count more.
- `skip`: `skip-cosine`, FFN-SkipLLM's look at the layer before.
- `codes`: distance between the codebook patches of the fed tokens.
- `planned`: `random` and `periodic`, controls that replay at a given ratio without looking.
- `oracle`: distance between the fresh and the cached output; computes what it saves, analysis only.

A gate sees every token of an active layer, because many must remember what was fed; the decisions
of tokens that are not eligible are ignored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.cost import GateCost
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures, Thresholds


class Gate(ABC):
    """Decides which rows replay."""

    name: ClassVar[str]
    needs_score: ClassVar[bool] = False
    needs_plain_replay: ClassVar[bool] = False
    """Whether what it says of a replay holds only for the output used one frame earlier."""

    @classmethod
    def compute_cost(cls, config: ModelConfig) -> GateCost:
        """What it multiplies per token and layer, beyond what attention computes anyway."""
        return GateCost()

    def get_last_inputs(self) -> FloatArray | None:
        """[L, B, N, D], MLP inputs of the last computed token of every place, where it keeps them.

        A correction then reads them here instead of keeping its own.
        """
        return None

    def is_active(self, layer_index: int) -> bool:
        """Whether the layer may ever replay."""
        return True

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Start a generation; called before the first token."""

    @abstractmethod
    def measure(self, query: GateQuery) -> Measures:
        """The quantity the decision rests on, [B] float64; NaN where the gate looks at nothing."""

    @abstractmethod
    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Rows that replay if they are eligible, [B]."""

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Learn what was decided; called once per token, before anything is computed for it."""

    def see_output(self, query: GateQuery, output: FloatArray, replayed: BoolArray) -> None:
        """Learn what was used, [B, D]; called once per token, after `update`."""


class ThresholdGate(Gate):
    """Compares its measure with a threshold, in float64 (D-04).

    Args:
        thresholds: where to compare.
        strict: at equality compute (the published code) instead of replay (the paper).
    """

    higher_is_safer: ClassVar[bool]

    def __init__(self, thresholds: Thresholds, strict: bool = False) -> None:
        self.thresholds = thresholds
        self.strict = strict

    def is_active(self, layer_index: int) -> bool:
        """Whether the layer has a threshold."""
        return self.thresholds.is_active(layer_index)

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Reset the thresholds; refuses another number of them than the model has layers."""
        num_layers = config.num_hidden_layers
        if self.thresholds.num_layers != num_layers:
            limit = f"{num_layers}, one per layer"
            raise ArgumentError("number of thresholds", self.thresholds.num_layers, limit)
        self.thresholds.reset(rows)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Replay iff the measure is on the safe side of the threshold; NaN computes."""
        threshold = self.thresholds.get(query.layer_index)
        safe, limit = (measures, threshold) if self.higher_is_safer else (threshold, measures)
        return np.asarray(safe > limit if self.strict else safe >= limit)

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Pass the decision on to the thresholds."""
        self.thresholds.update(query.layer_index, measures, query.eligible, replayed)
