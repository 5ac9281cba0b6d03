"""The decoder whose score, decision and MLP phase are integers, and whose attention stays float.

After the attention of every layer the residual stream is rounded to int16, an engine decides,
computes or replays, and the next layer continues with what its int16 numbers stand for. The
engine is the integer reference or simulated hardware (`fastcar.reference.integer.mlp_engine`);
nothing else differs. The prompt, which replay never sees, runs in float.

Eligibility and chains are those of `fastcar.reference.replay.ReplayRule`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray, Int16Array, Int64Array, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.errors import ArgumentError
from fastcar.reference.finite_check import check_stream
from fastcar.reference.gates.gate import Gate, ThresholdGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.fixed_point import quantize
from fastcar.reference.integer.mlp_engine import DecisionSource, MlpEngine, MlpRequest
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.threshold import compute_integer_thresholds, get_decision_source
from fastcar.reference.laps import accounted
from fastcar.reference.mlp_evaluation import MlpEvaluation
from fastcar.reference.observation import Attended
from fastcar.reference.replay import ReplayConfig, ReplayDecision, ReplayRule
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.reference.thresholds import Measures
from fastcar.reference.weights import ModelWeights


class IntegerDecoder(Decoder):
    """A batch of rows that decodes in step, MLP phase on integers.

    An observation holds what the integers stand for; `measures` is the dequantised score or
    distance of the slots that were decided, NaN elsewhere. Scores of single heads are not taken.

    Args:
        config: sizes.
        weights: float32 or float64, of attention, embedding and head.
        rows: B.
        capacity_tokens: prompt plus generated tokens.
        replay: as in `Decoder`; the aggregation must be the mean, which a plain sum decides.
        model: integer constants, quantised from these weights.
        gate: `tas` or `input` with fixed thresholds, `random`, `periodic`, or None = dense.
        engine: computes the MLP phase; None = the integer reference.
        options: `sparse`, `fused`, `laps` as in `Decoder`.

    Raises:
        ArgumentError: also for a model of other sizes, or a gate that integers do not decide.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: ModelWeights,
        *,
        rows: int,
        capacity_tokens: int,
        replay: ReplayConfig,
        model: IntegerModel,
        gate: Gate | None = None,
        engine: MlpEngine | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            config, weights, rows=rows, capacity_tokens=capacity_tokens, replay=replay, **options
        )
        if model.config != config:
            raise ArgumentError("model.config", model.config, f"{config}")
        if replay.aggregation is not HeadAggregation.MEAN:
            raise ArgumentError("aggregation", replay.aggregation, "the mean over the heads")
        if not replay.is_plain:
            raise ArgumentError("correction, constant", "given", "left out with integer MLPs")
        self.model = model
        self.engine: MlpEngine = IntegerMlpEngine(model) if engine is None else engine
        self._source = get_decision_source(gate)
        self._thresholds = compute_integer_thresholds(model, gate)
        self.rule = self.mlp.rule = ReplayRule(config, replay, gate, rows, self.dtype)

    def _start(self, prompt_ids: TokenIds, prompt_mask: BoolArray | None) -> BoolArray:
        """Forget the last generation, also its decisions and replay cache."""
        mask = super()._start(prompt_ids, prompt_mask)
        self.engine.reset(self.num_rows, self.replay.tokens_per_frame)
        self.rule.reset()
        return mask

    @accounted("mlp")
    def _run_mlp(
        self, layer_index: int, token_index: int, attended: Attended, score: FloatArray | None
    ) -> tuple[FloatArray, ReplayDecision]:
        """Residual stream [B, D] after the MLP, and what was done; the engine takes the score."""
        eligible = self.rule.get_eligible(layer_index, token_index)
        request = self._make_request(layer_index, token_index, attended, eligible)
        result = self.engine.run_layer(layer_index, request)
        chain = self.rule.update(layer_index, token_index, result.replayed)
        measures = None
        if self.rule.get_active_gate(layer_index) is not None:
            measures = self._dequantize_scores(layer_index, result.scores, request.is_decided)
        scale = self.model.layers[layer_index].scales.residual
        decision = ReplayDecision(
            self._dequantize(result.output, scale), eligible, result.replayed, measures, chain
        )
        return self._dequantize(result.residual, scale), decision

    def _make_request(
        self, layer_index: int, token_index: int, attended: Attended, eligible: BoolArray
    ) -> MlpRequest:
        x, scales = attended.residual, self.model.layers[layer_index].scales
        check_stream(x, layer_index, "attention", self._fed)
        is_measured = isinstance(self.rule.gate, ThresholdGate)
        decided = eligible if is_measured else np.zeros_like(eligible)
        integer_query = integer_key = None
        if self._source is DecisionSource.SCORE and decided.any():
            query, key = self._get_score_operands(layer_index, attended)
            per_query = np.repeat(key, self.config.queries_per_key, axis=1)  # [B, H, d]
            integer_query = query.reshape(self.num_rows, -1)
            integer_key = per_query.reshape(self.num_rows, -1)
        return MlpRequest(
            token_index,
            token_index % self.replay.tokens_per_frame,
            quantize(x, scales.residual),
            self._source,
            self._thresholds[layer_index],
            decided,
            ~(eligible & self._get_wishes(layer_index, token_index, x, eligible)),
            integer_query,
            integer_key,
        )

    def _get_score_operands(
        self, layer_index: int, attended: Attended
    ) -> tuple[Int16Array, Int16Array]:
        """Query [B, H, d] and aligned key [B, H_kv, d] as integers."""
        scales, aligned = self.model.layers[layer_index].scales, self._aligned_entry
        key = self.kv_cache.get_keys(layer_index, aligned, aligned + 1)[:, :, 0]  # [B, H_kv, d]
        return quantize(attended.query, scales.query), quantize(key, scales.key)

    def _get_wishes(
        self, layer_index: int, token_index: int, x: FloatArray, eligible: BoolArray
    ) -> BoolArray:
        """Rows that a gate which measures nothing wants to replay."""
        if self.rule.gate is None or isinstance(self.rule.gate, ThresholdGate):
            return np.zeros_like(eligible)
        layer, eps = self.weights.layers[layer_index], self.config.rms_norm_eps
        query = GateQuery(
            layer_index,
            token_index,
            self.replay.tokens_per_frame,
            eligible,
            score=None,
            cached_output=np.full_like(x, np.nan),
            mlp=MlpEvaluation(x, layer, eps, self.float_engine),
        )
        return self.rule.gate.decide(query, self.rule.gate.measure(query))

    def _dequantize(self, x: Int16Array, scale: float) -> FloatArray:
        return (x * np.float64(scale)).astype(self.dtype)

    def _dequantize_scores(
        self, layer_index: int, scores: Int64Array, decided: BoolArray
    ) -> Measures:
        scales = self.model.layers[layer_index].scales
        if self._source is DecisionSource.DISTANCE:
            measures = np.sqrt(scores.astype(np.float64)) * scales.normed
        else:
            heads, head_dim = self.config.num_attention_heads, self.config.head_dim
            step = scales.query * scales.key / (math.sqrt(head_dim) * heads)
            measures = scores.astype(np.float64) * step
        return np.asarray(np.where(decided, measures, np.nan), np.float64)
