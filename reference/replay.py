"""Cache attentive replay: the MLP block that reuses the output of the same place one frame earlier.

Source: arXiv:2505.14709v1. Per layer, with TAS s_j of token j and threshold tau:
Y_j = Y_{j-N} if s_j >= tau, else MLP(X_j). The cache holds what was *used*, so replays chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates import Gate, GateQuery
from fastcar.reference.matrix import DecoderLayer
from fastcar.reference.temporal_attention_score import HeadAggregation, HeadWeights
from fastcar.reference.thresholds import Measures


class Semantics(Enum):
    """Whose rule: the paper's text or the published code (D-01, D-02)."""

    PAPER = "paper"
    """Query and key after rotary embedding; replay iff score >= tau."""
    PUBLISHED = "published"
    """Query before, key after rotary embedding; replay iff score > tau."""


@dataclass(frozen=True)
class ReplayConfig:
    """When a token may replay, and what its score is.

    Attributes:
        tokens_per_frame: N, at least 1.
        semantics: paper or published.
        warmup_frames: frames at the start that never replay, at least 1 (the first has no
            predecessor).
        max_chain: limit on consecutive replays of one place; None = unlimited, as published.
        aggregation: mean or maximum over heads, or weights [L, H] (one row per layer).
    """

    tokens_per_frame: int
    semantics: Semantics = Semantics.PAPER
    warmup_frames: int = 1
    max_chain: int | None = None
    aggregation: HeadAggregation | HeadWeights = HeadAggregation.MEAN

    def __post_init__(self) -> None:
        if self.tokens_per_frame < 1:
            raise ArgumentError("tokens_per_frame", self.tokens_per_frame, "at least 1")
        if self.warmup_frames < 1:
            raise ArgumentError("warmup_frames", self.warmup_frames, "at least 1")
        if self.max_chain is not None and self.max_chain < 0:
            raise ArgumentError("max_chain", self.max_chain, "at least 0")

    def is_eligible(self, token_index: int) -> bool:
        """Whether generated token j may replay: it has a predecessor and its frame is warm.

        >>> config = ReplayConfig(tokens_per_frame=4, warmup_frames=2)
        >>> [config.is_eligible(j) for j in (3, 4, 7, 8)]
        [False, False, False, True]
        """
        return token_index // self.tokens_per_frame >= self.warmup_frames

    def get_aggregation(self, layer_index: int) -> HeadAggregation | HeadWeights:
        """Aggregation of one layer."""
        if isinstance(self.aggregation, np.ndarray):
            weights: HeadWeights = self.aggregation[layer_index]
            return weights
        return self.aggregation


@dataclass(frozen=True)
class ReplayDecision:
    """What one layer did with one token, for each row of the batch.

    Attributes:
        output: [B, D], the MLP output that was used and cached.
        eligible: [B], rows that were allowed to replay; none in a layer without a threshold.
        replayed: [B], rows that did.
        measures: [B] float64, what the gate looked at; None in a layer without a gate.
        chain: [B] int32, consecutive replays of this place, this one included.
    """

    output: FloatArray
    eligible: BoolArray
    replayed: BoolArray
    measures: Measures | None
    chain: NDArray[np.int32]


class ReplayCache:
    """MLP outputs of one frame, per layer and row, and how often each was replayed in a row.

    The slot of location i holds frame t - 1 until token (t, i) overwrites it, so one frame is all
    there ever is.

    Attributes:
        outputs: [L, B, N, D].
        chains: [L, B, N] int32.
    """

    def __init__(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        places = (config.num_hidden_layers, rows, tokens_per_frame)
        self.outputs: FloatArray = np.zeros((*places, config.hidden_size), dtype)
        self.chains: NDArray[np.int32] = np.zeros(places, np.int32)

    def reset(self) -> None:
        """Forget everything, so that nothing leaks into the next generation."""
        self.outputs[:] = 0
        self.chains[:] = 0


class ReplayMLP:
    """The MLP blocks of all layers with their gate and their cache.

    Args:
        config: model sizes.
        replay: eligibility and limits.
        gate: decides; None = dense, nothing is cached.
        rows: B.
        dtype: of the cache.
        engine: computes; None = NumPy.
    """

    def __init__(
        self,
        config: ModelConfig,
        replay: ReplayConfig,
        gate: Gate | None,
        rows: int,
        dtype: np.dtype[np.floating],
        engine: Engine | None = None,
    ) -> None:
        heads = (config.num_hidden_layers, config.num_attention_heads)
        if isinstance(replay.aggregation, np.ndarray) and replay.aggregation.shape != heads:
            limit = f"{heads}, a weight per layer and head"
            raise ArgumentError("aggregation shape", replay.aggregation.shape, limit)
        self.config = config
        self.replay = replay
        self.gate = gate
        self.rows = rows
        self._dtype = dtype
        self._engine: Engine = NumpyEngine() if engine is None else engine
        self._cache = (
            None if gate is None else ReplayCache(config, rows, replay.tokens_per_frame, dtype)
        )

    def reset(self) -> None:
        """Start a generation."""
        if self.gate is not None and self._cache is not None:
            self._cache.reset()
            self.gate.reset(self.config, self.rows, self.replay.tokens_per_frame, self._dtype)

    def needs_score(self, layer_index: int) -> bool:
        """Whether the gate of this layer looks at the Temporal Attention Score."""
        return self.gate is not None and self.gate.needs_score and self.gate.is_active(layer_index)

    def run(
        self,
        layer_index: int,
        token_index: int,
        residual: FloatArray,
        layer: DecoderLayer,
        score: FloatArray | None,
    ) -> ReplayDecision:
        """MLP output of one token: replayed where gate and eligibility allow, computed elsewhere.

        Args:
            layer_index: l.
            token_index: generated index j.
            residual: [B, D], residual stream after attention.
            layer: weights.
            score: [B] TAS, None where no score is taken.
        """
        rows = len(residual)
        eligible = np.full(rows, self.replay.is_eligible(token_index))
        place = token_index % self.replay.tokens_per_frame
        cached = residual if self._cache is None else self._cache.outputs[layer_index, :, place]
        query = GateQuery(
            layer_index,
            token_index,
            self.replay.tokens_per_frame,
            eligible,
            score,
            residual,
            cached,
            layer,
            self.config.rms_norm_eps,
            self._engine,
        )
        if self.gate is None or self._cache is None or not self.gate.is_active(layer_index):
            never = np.zeros(rows, bool)
            output = query.compute_outputs(~never)
            return ReplayDecision(output, never, never, None, np.zeros(rows, np.int32))
        chain = self._cache.chains[layer_index, :, place]
        if self.replay.max_chain is not None:
            eligible &= chain < self.replay.max_chain
        measures = self.gate.measure(query)
        replayed = eligible & self.gate.decide(query, measures)
        self.gate.update(query, measures, replayed)
        computing = ~replayed
        if computing.any():
            cached[computing] = query.compute_outputs(computing)
        chain[:] = np.where(replayed, chain + 1, 0)
        return ReplayDecision(cached.copy(), eligible, replayed, measures, chain.copy())
