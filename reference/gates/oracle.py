"""The oracle: what a gate could know that computed everything."""

from __future__ import annotations

from fastcar.reference.config import ModelConfig
from fastcar.reference.distances import compute_distance
from fastcar.reference.gates.cost import GateCost
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures


class OracleGate(ThresholdGate):
    """Replay iff |fresh output - replayed one| <= delta; saves nothing, shows what is possible."""

    name = "oracle"
    higher_is_safer = False

    @classmethod
    def compute_cost(cls, config: ModelConfig) -> GateCost:
        """A replayed token costs the block that it was to save."""
        return GateCost(replayed=3 * config.hidden_size * config.intermediate_size)

    def measure(self, query: GateQuery) -> Measures:
        """True error that a replay would make in this layer."""
        return compute_distance(query.fresh_output, query.replayed_output)


class ScoredOracleGate(OracleGate):
    """The oracle in a run that takes the score as well, so that one can be fitted to the other."""

    name = "scored-oracle"
    needs_score = True
