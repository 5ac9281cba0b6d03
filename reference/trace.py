"""Teacher-forced decode of any checkpoint with all decisions and outputs: the conformance door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastcar.reference.arguments import check_argument
from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.engine import Engine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import DecoderWeights, get_dtype
from fastcar.reference.observation import LayerObservation
from fastcar.reference.prompt_check import read_mask, read_token_ids
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.teacher_forcing import feed_tokens
from fastcar.reference.thresholds import FixedThresholds, spread_thresholds


@dataclass(frozen=True)
class Trace:
    """Everything a teacher-forced run shows; S steps, L layers, B rows, H heads, D, V.

    Step t feeds `forced_ids[:, t]` at position P + t.

    Attributes:
        prefill_logits: [B, P, V].
        logits: [S, B, V], after each step.
        score_heads: [S, L, B, H], NaN where no score is taken.
        tas: [S, L, B], aggregated over heads, NaN likewise.
        eligible: [S, B] bool, token j >= N and its frame warm (`max_chain` not counted); False
            throughout a dense run.
        replayed: [S, L, B] bool.
        mlp_used: [S, L, B, D], MLP output that was added and cached.
        layer_out: [S, L, B, D].
    """

    prefill_logits: FloatArray
    logits: FloatArray
    score_heads: FloatArray
    tas: FloatArray
    eligible: BoolArray
    replayed: BoolArray
    mlp_used: FloatArray
    layer_out: FloatArray


def make_score_gate(
    thresholds: Sequence[float | None], num_layers: int, semantics: Semantics
) -> Gate | None:
    """TAS gate with fixed thresholds; None if no layer has one.

    Args:
        thresholds: one for all layers or one per layer; None = the layer never replays.
        num_layers: L.
        semantics: paper compares >=, published >.
    """
    given = check_argument("tau", thresholds, tuple[float | None, ...])
    semantics = check_argument("semantics", semantics, Semantics)
    values = spread_thresholds("tau", given, check_argument("num_layers", num_layers, int))
    fixed = FixedThresholds(values)
    if all(value is None for value in values):
        return None
    return TemporalAttentionScoreGate(fixed, strict=semantics is Semantics.PUBLISHED)


def run_trace(
    config: ModelConfig,
    weights: DecoderWeights,
    prompt_ids: TokenIds,
    forced_ids: TokenIds,
    replay: ReplayConfig,
    gate: Gate | None = None,
    prompt_mask: BoolArray | None = None,
    sparse: SparseAttention | None = None,
    fused: bool = False,
    engine: Engine | None = None,
    cache_storage: CacheStorage = CacheStorage.EXACT,
) -> Trace:
    """Feed a prompt and then given tokens, recording everything.

    Args:
        config: sizes.
        weights: their dtype is that of the arithmetic and of the trace.
        prompt_ids: [B, P] int64.
        forced_ids: [B, S] int64.
        replay: tokens per frame, semantics, eligibility.
        gate: None = dense.
        prompt_mask: [B, P], False for padding at the left.
        sparse: sinks and window.
        fused: attention by online softmax.
        engine: computes; None = NumPy.
        cache_storage: of keys and values.

    Returns:
        Logits, scores, decisions and outputs of every step.

    Raises:
        ArgumentError: ids, shapes, thresholds or sizes that do not fit the model or each other.
    """
    check_argument("config", config, ModelConfig)
    check_argument("replay", replay, ReplayConfig)
    prompt_ids = read_token_ids("prompt_ids", prompt_ids)
    forced_ids = read_token_ids("forced_ids", forced_ids)
    prompt_mask = None if prompt_mask is None else read_mask(prompt_mask)
    if len(forced_ids) != len(prompt_ids):
        raise ArgumentError("forced_ids shape", forced_ids.shape, f"[{len(prompt_ids)}, steps]")
    rows, steps = forced_ids.shape
    decoder = Decoder(
        config,
        weights,
        rows=rows,
        capacity_tokens=prompt_ids.shape[1] + steps,
        replay=replay,
        gate=gate,
        sparse=sparse,
        fused=fused,
        float_engine=engine,
        cache_storage=cache_storage,
    )
    dtype = get_dtype(weights)
    record = ReplayRecord(config, steps, rows, dtype)
    outputs = (steps, config.num_hidden_layers, rows, config.hidden_size)
    mlp_used, layer_out = np.empty(outputs, dtype), np.empty(outputs, dtype)

    def observe(observation: LayerObservation) -> None:
        record.observe(observation)
        place = observation.token_index, observation.layer_index
        mlp_used[place] = observation.decision.output
        layer_out[place] = observation.layer_out

    fed = feed_tokens(decoder, prompt_ids, forced_ids, observe, prompt_mask)
    prefill_logits = next(fed)
    logits = np.empty((steps, rows, config.vocab_size), dtype)
    for step_index, step_logits in enumerate(fed):
        logits[step_index] = step_logits[:, 0]
    eligible = np.zeros((steps, rows), bool)
    if gate is not None:
        eligible[:] = [[replay.is_eligible(index)] for index in range(steps)]
    return Trace(
        prefill_logits,
        logits,
        record.score_heads,
        record.scores,
        eligible,
        record.replayed,
        mlp_used,
        layer_out,
    )
