"""A gate that takes the Temporal Attention Score and then replays a given share all the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.gates.planned import PlannedGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures, check_ratio


class EvenGate(PlannedGate):
    """Replays a share of each row's and layer's tokens, spread evenly.

    The score is taken and looked at as the gate `tas` does, so its cost is in the time, but a row
    replays iff floor((k + 1) ratio + phase) > floor(k ratio + phase) for its k-th token. Phases
    are drawn for every row and layer: the number of computing rows varies from layer to layer as
    if drawn at random, yet the share is reached within any run of a few tokens.

    Args:
        ratio: share of the tokens that replay, in [0, 1].
        seed: of the phases.
    """

    name = "even"
    needs_score = True

    def __init__(self, ratio: float, seed: int = 0) -> None:
        check_ratio("ratio", ratio)
        self.ratio = ratio
        self.seed = seed

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Draw the phases, count from 0."""
        super().reset(config, rows, tokens_per_frame, dtype)
        rng = np.random.default_rng(self.seed)
        self._phases = rng.random((config.num_hidden_layers, rows))
        self._counts = np.zeros(config.num_hidden_layers, np.int64)

    def measure(self, query: GateQuery) -> Measures:
        """The aggregated score."""
        if query.score is None:
            return np.full(len(query.eligible), np.nan)
        return query.score.astype(np.float64)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Where the rhythm of the row says so."""
        count = self._counts[query.layer_index]
        self._counts[query.layer_index] += 1
        return self._is_beat(count, self._phases[query.layer_index])

    def plan(self, tokens: range) -> tuple[Measures, BoolArray]:
        """The rhythm of every row; measures are NaN, the scores are known to who runs the plan."""
        counts = self._counts + np.arange(len(tokens))[:, None]  # [tokens, L]
        self._counts += len(tokens)
        decisions = self._is_beat(counts[:, :, None], self._phases)
        return np.full(decisions.shape, np.nan), decisions

    def _is_beat(self, counts: NDArray[np.int64], phases: NDArray[np.float64]) -> BoolArray:
        now, then = (np.floor(k * self.ratio + phases) for k in (counts, counts + 1))
        return np.asarray(then > now)
