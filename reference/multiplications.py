"""Multiplications of a run beside those of a dense one: gates at equal work, not only ratio (D-55).

Counted are products of matrices and of attention, and what gates and corrections say of themselves;
norms, activations and rotations are left out on both sides, and so are the prompt and the head,
which replay does not touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.cost import GateCost
from fastcar.reference.records import ReplayRecord
from fastcar.reference.sparse_attention import SparseAttention


@dataclass(frozen=True)
class Multiplications:
    """Of all fed tokens, layers and rows of a run.

    Attributes:
        dense_mlp: MLPs of the dense run.
        attention: projections and attention, the same in both.
        mlp: MLPs that this run computed.
        gate: spent by the gate.
        correction: spent on what stands in for outputs.
    """

    dense_mlp: int
    attention: int
    mlp: int
    gate: int
    correction: int

    @property
    def mlp_share(self) -> float:
        """MLPs, gate and corrections as a share of the dense MLPs; 1 where there are none."""
        return self._spent / self.dense_mlp if self.dense_mlp else 1.0

    @property
    def layer_share(self) -> float:
        """The same of whole layers: projections and attention count on both sides."""
        dense = self.attention + self.dense_mlp
        return (self.attention + self._spent) / dense if dense else 1.0

    @property
    def _spent(self) -> int:
        return self.mlp + self.gate + self.correction


def count_run(
    config: ModelConfig,
    record: ReplayRecord,
    cost: GateCost,
    *,
    prompt_tokens: int,
    sparse: SparseAttention | None = None,
    correction: int = 0,
) -> Multiplications:
    """Count a run from what it recorded.

    Args:
        config: sizes of the model.
        record: decisions of the run; scores that attention did not have are counted, too.
        cost: of the gate, `Gate.compute_cost`.
        prompt_tokens: P, at least 1; padding counts as if it were attended to.
        sparse: what attention sees; None = everything.
        correction: multiplications per replayed row and layer, at least 0: 2 D r with rank r.

    Raises:
        ArgumentError: a number outside its limits.
    """
    if prompt_tokens < 1:
        raise ArgumentError("prompt_tokens", prompt_tokens, "at least 1")
    if correction < 0:
        raise ArgumentError("correction", correction, "at least 0")
    steps, layers, rows = record.replayed.shape
    replayed = int(record.replayed.sum())
    computed = record.replayed.size - replayed
    per_mlp = 3 * config.hidden_size * config.intermediate_size
    measured = int((~np.isnan(record.measures)).sum())
    scored = record.num_extra_scores * rows
    attention = count_attention(config, steps, prompt_tokens, sparse)
    return Multiplications(
        dense_mlp=record.replayed.size * per_mlp,
        attention=layers * rows * attention,
        mlp=computed * per_mlp,
        gate=cost.count(measured, computed, replayed, scored),
        correction=correction * replayed,
    )


def count_attention(
    config: ModelConfig, steps: int, prompt_tokens: int, sparse: SparseAttention | None = None
) -> int:
    """Multiplications of projections and attention of one layer and row, over the fed tokens.

    Args:
        config: sizes of the model.
        steps: fed tokens, each of which sees the prompt, those before and itself.
        prompt_tokens: P.
        sparse: sinks and window; None = everything is seen.
    """
    query = config.num_attention_heads * config.head_dim
    key = config.num_key_value_heads * config.head_dim
    projections = config.hidden_size * (2 * query + 2 * key)
    entries = prompt_tokens + np.arange(1, steps + 1)
    if sparse is not None:
        seen = sparse.window_tokens + sparse.sink_tokens
        entries = np.minimum(entries, seen)
    return steps * projections + 2 * query * int(entries.sum())
