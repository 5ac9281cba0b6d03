"""Cache attentive replay: the MLP block that reuses the output of the same place one frame earlier.

Source: arXiv:2505.14709v1. Per layer, with TAS s_j of token j and threshold tau:
Y_j = Y_{j-N} if s_j >= tau, else MLP(X_j). The cache holds what was *used*, so replays chain.
What else may stand for Y_j, and what is kept then: `fastcar.reference.replacement` (D-53).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arguments import check_fields
from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.correction import Correction
from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.matrix import DecoderLayer
from fastcar.reference.mlp_evaluation import MlpEvaluation
from fastcar.reference.replacement import make_replacement
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
        correction: moves what is replayed with its input; None = plain replay.
        constant: [L, D] float64, outputs that stand for replayed ones, for example the mean of
            each layer, or zeros, which leaves the block out; None = plain replay. One of the two.
    """

    tokens_per_frame: int
    semantics: Semantics = Semantics.PAPER
    warmup_frames: int = 1
    max_chain: int | None = None
    aggregation: HeadAggregation | HeadWeights = HeadAggregation.MEAN
    correction: Correction | None = None
    constant: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.tokens_per_frame < 1:
            raise ArgumentError("tokens_per_frame", self.tokens_per_frame, "at least 1")
        if self.warmup_frames < 1:
            raise ArgumentError("warmup_frames", self.warmup_frames, "at least 1")
        if self.max_chain is not None and self.max_chain < 0:
            raise ArgumentError("max_chain", self.max_chain, "at least 0")
        if self.correction is not None and self.constant is not None:
            raise ArgumentError("constant", self.constant.shape, "given without correction")

    @property
    def is_plain(self) -> bool:
        """Whether a replay uses what was used one frame earlier, as in the paper."""
        return self.correction is None and self.constant is None

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
        output: [B, D], the MLP output that was used; cached, too, in plain replay.
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


class ReplayRule:
    """Which rows may replay: those of warm frames, below the limit on chains, under a gate.

    Args:
        config: model sizes.
        replay: eligibility and limits.
        gate: None = nothing replays.
        rows: B.
        dtype: of the arithmetic that the gate looks at.

    Attributes:
        chains: [L, B, N] int32, how often each place was replayed in a row.
    """

    def __init__(
        self,
        config: ModelConfig,
        replay: ReplayConfig,
        gate: Gate | None,
        rows: int,
        dtype: np.dtype[np.floating],
    ) -> None:
        self.config = config
        self.replay = replay
        self.gate = gate
        self.dtype = dtype
        places = config.num_hidden_layers, rows, replay.tokens_per_frame
        self.chains: NDArray[np.int32] = np.zeros(places, np.int32)

    def reset(self) -> None:
        """Start a generation: chains and gate forget the one before."""
        self.chains[:] = 0
        if self.gate is not None:
            _, rows, tokens_per_frame = self.chains.shape
            self.gate.reset(self.config, rows, tokens_per_frame, self.dtype)

    def get_active_gate(self, layer_index: int) -> Gate | None:
        """The gate, where this layer may ever replay."""
        return self.gate if self.gate is not None and self.gate.is_active(layer_index) else None

    def get_eligible(self, layer_index: int, token_index: int) -> BoolArray:
        """Rows that may replay generated token j, [B]; none in a layer without an active gate."""
        chain = self._get_chain(layer_index, token_index)
        is_eligible = self.get_active_gate(layer_index) is not None
        eligible = np.full(len(chain), is_eligible and self.replay.is_eligible(token_index))
        if self.replay.max_chain is not None:
            eligible &= chain < self.replay.max_chain
        return eligible

    def update(self, layer_index: int, token_index: int, replayed: BoolArray) -> NDArray[np.int32]:
        """Count on where a row replayed, start again where it computed; gives the chains [B]."""
        chain = self._get_chain(layer_index, token_index)
        chain[:] = np.where(replayed, chain + 1, 0)
        return chain.copy()

    def _get_chain(self, layer_index: int, token_index: int) -> NDArray[np.int32]:
        chain: NDArray[np.int32] = self.chains[
            layer_index, :, token_index % self.replay.tokens_per_frame
        ]
        return chain


class ReplayMLP:
    """The MLP blocks of all layers with their gate and their cache.

    The cache of place i holds frame t - 1 until token (t, i) overwrites it, so one frame is all
    there ever is.

    Args:
        config: model sizes.
        replay: eligibility and limits.
        gate: decides; None = dense, nothing is cached.
        rows: B.
        dtype: of the cache.
        engine: computes; None = NumPy.

    Attributes:
        rule: who may replay.
        replacement: what a replay uses, and its memory.
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
        if not replay.is_plain and gate is not None and gate.needs_plain_replay:
            limit = "left out: this gate guarantees the error of plain replay"
            raise ArgumentError("correction, constant", "given", limit)
        self.config = config
        self.replay = replay
        self.rule = ReplayRule(config, replay, gate, rows, dtype)
        self._engine: Engine = NumpyEngine() if engine is None else engine
        self._token_ids: TokenIds | None = None
        self._embedded: FloatArray | None = None
        layers = 0 if gate is None else config.num_hidden_layers
        shape = layers, rows, replay.tokens_per_frame, config.hidden_size
        self.replacement = make_replacement(
            config, shape, dtype, self._engine, replay.correction, replay.constant
        )

    @property
    def cached_outputs(self) -> FloatArray:
        """[L, B, N, D], MLP outputs that are kept; L is 0 without a gate."""
        return self.replacement.cached_outputs

    def feed(self, token_ids: TokenIds | None, embedded: FloatArray) -> None:
        """What the next token is, for gates that look at it.

        Args:
            token_ids: [B] int64; None where a token is no id of the vocabulary (D-58).
            embedded: [B, D], their embeddings.
        """
        self._token_ids, self._embedded = token_ids, embedded

    def reset(self) -> None:
        """Start a generation: nothing of the one before is left."""
        self.rule.reset()
        self.replacement.reset(self.rule.gate)

    def needs_score(self, layer_index: int) -> bool:
        """Whether the gate of this layer looks at the Temporal Attention Score."""
        gate = self.rule.get_active_gate(layer_index)
        return gate is not None and gate.needs_score

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
        mlp = MlpEvaluation(residual, layer, self.config.rms_norm_eps, self._engine)
        eligible = self.rule.get_eligible(layer_index, token_index)
        gate = self.rule.get_active_gate(layer_index)
        if gate is None:
            output = mlp.compute_outputs(~eligible)
            return ReplayDecision(output, eligible, eligible, None, np.zeros(len(output), np.int32))
        tokens_per_frame, replacement = self.replay.tokens_per_frame, self.replacement
        kept = replacement.get_kept(layer_index, token_index % tokens_per_frame)
        query = GateQuery(
            layer_index,
            token_index,
            tokens_per_frame,
            eligible,
            score,
            kept,
            mlp,
            self._token_ids,
            self._embedded,
            None if self.replay.is_plain else replacement.compute,
        )
        measures = gate.measure(query)
        replayed = eligible & gate.decide(query, measures)
        gate.update(query, measures, replayed)
        output = replacement.run(query, replayed)
        gate.see_output(query, output, replayed)
        chain = self.rule.update(layer_index, token_index, replayed)
        return ReplayDecision(output, eligible, replayed, measures, chain)
