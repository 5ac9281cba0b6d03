"""FFN-SkipLLM's rule (arXiv:2404.03865): a token whose last MLP hardly turned it skips the next.

Published: the cosine of the residual stream before and after a feed-forward block; once it reaches
a threshold, the blocks of the following layers are skipped greedily, a fixed number of them,
outside of the cold regions at both ends; the first tokens skip nothing. Attention is never skipped,
so the cache of keys and values stays whole. Skipped means that nothing is added; here the gate only
decides, and what stands in for the output is the replay's.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.distances import add_in_lanes
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.cost import GateCost
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures, Thresholds


class SkipCosineGate(ThresholdGate):
    """Replay iff the cosine of x and x + MLP(x), in the last layer that computed this token, is at
    least tau; x the residual stream before the MLP (D-54).

    A layer without a threshold is not looked at. The first layer has no such cosine and computes,
    so the largest possible ratio is (L - 1) / L of the eligible tokens. The cosine takes 3 D
    multiplications in every layer that computes.

    Args:
        thresholds: where to compare.
        strict: as in `ThresholdGate`.
        most_skipped: layers in a row that one cosine may skip, at least 1; None = all that follow.
        cold_layers: layers that never replay at the start, at least 1, and at the end, at least 0.

    Attributes:
        cosines: [B] float64, of the last computed layer of this token; NaN before the first.
        layers: [B] int64, which layer that was.
    """

    name = "skip-cosine"
    higher_is_safer: ClassVar[bool] = True

    def __init__(
        self,
        thresholds: Thresholds,
        strict: bool = False,
        most_skipped: int | None = None,
        cold_layers: tuple[int, int] = (1, 0),
    ) -> None:
        super().__init__(thresholds, strict)
        if most_skipped is not None and most_skipped < 1:
            raise ArgumentError("most_skipped", most_skipped, "at least 1")
        if cold_layers[0] < 1 or cold_layers[1] < 0:
            raise ArgumentError("cold_layers", cold_layers, "at least 1 and at least 0")
        self.most_skipped = most_skipped
        self.cold_layers = cold_layers

    @classmethod
    def compute_cost(cls, config: ModelConfig) -> GateCost:
        """A product and two lengths of every block that is computed."""
        return GateCost(computed=3 * config.hidden_size)

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Know nothing of any token."""
        super().reset(config, rows, tokens_per_frame, dtype)
        self._num_layers = config.num_hidden_layers
        self._token_index = -1
        self._forget(rows)

    def measure(self, query: GateQuery) -> Measures:
        """The last cosine; NaN in a cold layer, before one is known, and after `most_skipped`."""
        if query.token_index != self._token_index:
            self._token_index = query.token_index
            self._forget(len(query.eligible))
        first, last = self.cold_layers
        if not first <= query.layer_index < self._num_layers - last:
            return np.full(len(query.eligible), np.nan)
        if self.most_skipped is None:
            return self.cosines.copy()
        is_near = query.layer_index - self.layers <= self.most_skipped
        return np.where(is_near, self.cosines, np.nan)

    def see_output(self, query: GateQuery, output: FloatArray, replayed: BoolArray) -> None:
        """Take the cosine of the rows that computed."""
        computed = ~replayed
        before = query.residual[computed]
        self.cosines[computed] = compute_cosine(before, before + output[computed])
        self.layers[computed] = query.layer_index

    def _forget(self, rows: int) -> None:
        self.cosines: Measures = np.full(rows, np.nan)
        self.layers = np.zeros(rows, np.int64)


def compute_cosine(x: FloatArray, other: FloatArray) -> Measures:
    """Cosine of the angle along the last axis in float64, [..., D] to [...]; NaN where one is 0.

    >>> compute_cosine(np.array([[1.0, 0.0]]), np.array([[3.0, 4.0]])).tolist()
    [0.6]
    """
    left, right = x.astype(np.float64), other.astype(np.float64)
    lengths = np.sqrt(add_in_lanes(left * left)) * np.sqrt(add_in_lanes(right * right))
    with np.errstate(invalid="ignore"):
        cosine: Measures = add_in_lanes(left * right) / lengths
    return cosine
