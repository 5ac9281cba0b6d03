"""From a compute budget to a replay ratio: what is left to compute, and what the gate costs.

A budget is a share of the MLP multiplications of a dense run, the gate's own included (D-41).
"""

from __future__ import annotations

import math

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import GATES
from fastcar.reference.thresholds import suggest_share


def count_gate_multiplications(name: str, config: ModelConfig, has_score: bool = True) -> int:
    """Multiplications of one measurement, beyond what attention computes anyway.

    Args:
        name: of the gate.
        config: sizes of the model.
        has_score: whether attention has the logits of the aligned key, so that TAS is free.

    Raises:
        ArgumentError: the oracle, which computes all that it could save.
    """
    if name == "oracle":
        limit = "another one with budget: it computes all that it could save"
        raise ArgumentError("gate", name, limit)
    return GATES[name].compute_cost(config).get_highest(has_score)


def compute_budget_ratio(
    budget: float, gate_share: float, ceiling: float = 1.0, replay_share: float = 0.0
) -> float:
    """Replay ratio at which a run takes `budget` of the dense multiplications.

    Args:
        budget: share of the dense MLP multiplications, the gate's included.
        gate_share: multiplications of the gate over all dense ones.
        ceiling: largest possible ratio.
        replay_share: what a replay costs, over the multiplications of the MLP (a correction).

    Raises:
        ArgumentError: less than the gate and what may not replay take, or more than 1.

    >>> round(compute_budget_ratio(0.6, gate_share=0.01, ceiling=0.9), 3)
    0.41
    >>> round(compute_budget_ratio(0.6, gate_share=0.01, ceiling=0.9, replay_share=0.1), 3)
    0.456
    """
    saved_share = 1 - replay_share
    least = 1 - ceiling * saved_share + gate_share
    if not least <= budget <= 1:
        shown = math.ceil(least * 1e4) / 1e4
        raise ArgumentError("budget", budget, f"from {shown:.4f} to 1{suggest_share(budget)}")
    return min(ceiling, (1 - budget + gate_share) / saved_share)
