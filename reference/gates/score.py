"""The Temporal Attention Score (arXiv:2505.14709v1) as a gate; attention has computed it."""

from __future__ import annotations

import numpy as np

from fastcar.reference.config import ModelConfig
from fastcar.reference.gates.cost import GateCost
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures


class TemporalAttentionScoreGate(ThresholdGate):
    """Replay iff TAS >= tau (arXiv:2505.14709v1)."""

    name = "tas"
    needs_score = True
    higher_is_safer = True

    @classmethod
    def compute_cost(cls, config: ModelConfig) -> GateCost:
        """Nothing, unless the aligned key lies outside of what attention sees: H d products."""
        return GateCost(scored=config.num_attention_heads * config.head_dim)

    def measure(self, query: GateQuery) -> Measures:
        """The aggregated score; NaN before the second frame, where no aligned key exists."""
        if query.score is None:
            return np.full(len(query.eligible), np.nan)
        return query.score.astype(np.float64)
