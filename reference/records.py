"""Records of a run: what every layer did with every generated token, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.observation import LayerObservation


class ReplayRecord:
    """Decisions and scores of a run; arrays over S steps, L layers, B rows.

    Attributes:
        score_heads: [S, L, B, H], NaN where no score is taken.
        scores: [S, L, B], aggregated scores (TAS), NaN likewise.
        measures: [S, L, B] float64, what the gate looked at (for `tas` the score); NaN elsewhere.
        eligible: [S, L, B] bool; `max_chain` included.
        replayed: [S, L, B] bool.
        chains: [S, L, B] int32, consecutive replays, the step's own included.
        num_extra_scores: scores that cost a product because the aligned key was out of the window
            or the variant is not a logit; counted per layer and step.
    """

    def __init__(
        self, config: ModelConfig, steps: int, rows: int, dtype: np.dtype[np.floating]
    ) -> None:
        shape = (steps, config.num_hidden_layers, rows)
        self.score_heads: FloatArray = np.full((*shape, config.num_attention_heads), np.nan, dtype)
        self.scores: FloatArray = np.full(shape, np.nan, dtype)
        self.measures: NDArray[np.float64] = np.full(shape, np.nan)
        self.eligible: BoolArray = np.zeros(shape, bool)
        self.replayed: BoolArray = np.zeros(shape, bool)
        self.chains: NDArray[np.int32] = np.zeros(shape, np.int32)
        self.num_extra_scores = 0

    def observe(self, observation: LayerObservation) -> None:
        """Write one layer of one step; give it to `Decoder.step` as observer."""
        place = observation.token_index, observation.layer_index
        decision = observation.decision
        if observation.score_heads is not None and observation.score is not None:
            self.score_heads[place] = observation.score_heads
            self.scores[place] = observation.score
        if decision.measures is not None:
            self.measures[place] = decision.measures
        self.eligible[place] = decision.eligible
        self.replayed[place] = decision.replayed
        self.chains[place] = decision.chain
        self.num_extra_scores += observation.score_is_extra

    @property
    def replay_ratio(self) -> float:
        """Replayed share of all fed tokens and layers (the paper's replay ratio, D-06)."""
        return float(self.replayed.mean()) if self.replayed.size else 0.0

    @property
    def eligible_ratio(self) -> float:
        """Replayed share of the eligible tokens and layers."""
        return float(self.replayed[self.eligible].mean()) if self.eligible.any() else 0.0


@dataclass
class DecodeResult:
    """What a run produced; S = tokens fed = frames * N - 1 (the last one need not be fed).

    Attributes:
        token_ids: [videos, frames * N] int64.
        record: decisions and scores of every row (conditional rows first).
        nats: [S + 1, videos] float64, -log likelihood of each token under the guided logits.
        top_1: [S + 1, videos] bool, whether it was the most likely visual code.
        seconds: decode time by part, prefill left out.
    """

    token_ids: TokenIds
    record: ReplayRecord
    nats: NDArray[np.float64]
    top_1: BoolArray
    seconds: dict[str, float] = field(default_factory=dict)
