"""Real tokens for the statements: teacher-forced rows decoded in float64, dense and with replay.

Both runs keep what the statements speak about: residual streams, queries, keys, values, MLP
outputs, scores and decisions of every token and layer. A video model is fed its clips, any Llama
directory the rows of a file, or random tokens, and the run says so.

Notation as in `fastcar.reference.decoder`: L layers, B rows, S fed tokens, P prompt tokens, H
heads, H_kv key heads, d head width, D width, V vocabulary, N tokens per frame.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.calibration import calibrate_uniform
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.errors import ArgumentError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.linear import compute_linear
from fastcar.reference.observation import LayerObservation
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.rope_scaling import YarnScaling
from fastcar.reference.rotary import make_rotary_table
from fastcar.reference.teacher_forcing import feed_tokens
from fastcar.reference.thresholds import FixedThresholds, Measures
from fastcar.reference.token_model import is_video_model, load_clip_model
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.reference.weights import ModelWeights

TARGET_RATIO = 0.4
"""Replayed share of all decisions, calibrated on the scores of the dense run."""

NUM_ROWS = 4
NUM_FRAMES = 8
"""Of every row, fewer where clips or position limit are shorter."""

RANDOM_TOKENS_PER_FRAME = 8
RANDOM_PROMPT_TOKENS = 4
"""Geometry of random tokens, for a checkpoint that has no clips."""


@dataclass(frozen=True)
class GivenRows:
    """A model and the tokens it is fed.

    Attributes:
        config: sizes; rotary embedding is a rotation, without an attention factor.
        weights: float64; an attention factor of the checkpoint is in them.
        tokens_per_frame: N.
        prompt_ids: [B, P] int64.
        forced_ids: [B, S] int64, whole frames.
        source: what the tokens are, in words.
    """

    config: ModelConfig
    weights: ModelWeights
    tokens_per_frame: int
    prompt_ids: TokenIds
    forced_ids: TokenIds
    source: str


@dataclass(frozen=True)
class DecodedRun:
    """One run; everything float64 but the decisions.

    Attributes:
        layer_inputs: [L, B, S, D], residual stream before attention.
        mlp_inputs: [L, B, S, D], residual stream after attention, before the MLP's norm.
        mlp_outputs: [L, B, S, D], what was added: computed or replayed.
        plain_queries: [L, B, S, H, d], before rotary embedding.
        queries: [L, B, S, H, d], after it.
        keys: [L, B, H_kv, P + S, d], after rotary embedding, prompt first.
        values: [L, B, H_kv, P + S, d].
        scores: [L, B, S], mean TAS; NaN in the first frame.
        replayed: [L, B, S] bool.
        chains: [L, B, S], consecutive replays of the place, this one included.
        logits: [B, S, V].
    """

    layer_inputs: FloatArray
    mlp_inputs: FloatArray
    mlp_outputs: FloatArray
    plain_queries: FloatArray
    queries: FloatArray
    keys: FloatArray
    values: FloatArray
    scores: FloatArray
    replayed: BoolArray
    chains: NDArray[np.int32]
    logits: FloatArray


@dataclass(frozen=True)
class DecodedPair:
    """The same tokens decoded twice.

    Attributes:
        given: model and tokens.
        dense: nothing replayed.
        replay: TAS at least `threshold` replays.
        threshold: tau, the same for all layers.
    """

    given: GivenRows
    dense: DecodedRun
    replay: DecodedRun
    threshold: float


class _RecordingGate(TemporalAttentionScoreGate):
    """The TAS gate, which also keeps the MLP inputs that pass by."""

    def __init__(self, threshold: float, mlp_inputs: FloatArray) -> None:
        super().__init__(FixedThresholds([threshold] * len(mlp_inputs)))
        self._mlp_inputs = mlp_inputs

    def measure(self, query: GateQuery) -> Measures:
        """The score."""
        self._mlp_inputs[query.layer_index, :, query.token_index] = query.mlp.residual
        return super().measure(query)


def load_rows(
    checkpoint: str | os.PathLike[str] = SHIPPED_MODEL,
    seed: int = 0,
    num_rows: int = NUM_ROWS,
    num_frames: int = NUM_FRAMES,
    tokens: str | os.PathLike[str] | None = None,
    tokens_per_frame: int | None = None,
) -> GivenRows:
    """A model in float64 and tokens to feed.

    Args:
        checkpoint: video model with clips, or any Hugging Face Llama directory.
        seed: of the choice of clips, or of the random tokens.
        num_rows: B, at most.
        num_frames: of each row, at most.
        tokens: .npz file with rows to feed; None = clips or random tokens.
        tokens_per_frame: N of the file.

    Raises:
        CheckpointError: no model there.
        ArgumentError: its position limit leaves no room for two frames.
    """
    rng = np.random.default_rng(seed)
    if tokens is not None or tokens_per_frame is not None or is_video_model(checkpoint):
        model = load_clip_model(checkpoint, tokens, tokens_per_frame, np.float64)
        return _choose_rows(model, rng, num_rows, num_frames)
    config, weights = load_checkpoint(checkpoint, np.float64)
    room = _count_frames(config, RANDOM_PROMPT_TOKENS, RANDOM_TOKENS_PER_FRAME)
    length = RANDOM_PROMPT_TOKENS + min(num_frames, room) * RANDOM_TOKENS_PER_FRAME
    ids = rng.integers(0, config.vocab_size, (num_rows, length))
    prompt_ids, forced_ids = ids[:, :RANDOM_PROMPT_TOKENS], ids[:, RANDOM_PROMPT_TOKENS:]
    source = "random tokens (the checkpoint has no clips)"
    given = GivenRows(config, weights, RANDOM_TOKENS_PER_FRAME, prompt_ids, forced_ids, source)
    return fold_attention_factor(given)


def _choose_rows(
    model: ClipModel, rng: np.random.Generator, num_rows: int, num_frames: int
) -> GivenRows:
    rows, tokens_per_frame = model.load_rows("held_out"), model.tokens_per_frame
    chosen = np.sort(rng.permutation(len(rows))[:num_rows])
    prompt_ids = rows.prompts.conditional[chosen]
    room = _count_frames(model.config, prompt_ids.shape[1], tokens_per_frame)
    frames = min(num_frames, room, rows.count_frames(tokens_per_frame))
    if frames < 2:
        limit = f"at least {2 * tokens_per_frame}, two frames"
        raise ArgumentError("tokens of a row", rows.token_ids.shape[1], limit)
    forced_ids = rows.token_ids[chosen, : frames * tokens_per_frame]
    source = f"{', '.join(map(str, chosen))} of {rows.source}"
    given = GivenRows(model.config, model.weights, tokens_per_frame, prompt_ids, forced_ids, source)
    return fold_attention_factor(given)


def fold_attention_factor(given: GivenRows) -> GivenRows:
    """The same decoder with YaRN's attention factor in its projections, said in `source` (D-34).

    Rotation by R and multiplication by a give a R W n = R (a W) n, so the statements, which take R
    for orthogonal, speak about projections a W_Q and a W_K. Without a factor nothing changes.
    """
    scaling = given.config.rope_scaling
    if not isinstance(scaling, YarnScaling) or scaling.attention_factor == 1:
        return given
    factor = scaling.attention_factor
    layers = tuple(
        replace(layer, q_proj=factor * layer.q_proj, k_proj=factor * layer.k_proj)
        for layer in given.weights.layers
    )
    return replace(
        given,
        config=replace(given.config, rope_scaling=replace(scaling, attention_factor=1.0)),
        weights=replace(given.weights, layers=layers),
        source=f"{given.source}; W_Q and W_K times the attention factor {factor:g}",
    )


def _count_frames(config: ModelConfig, prompt_tokens: int, tokens_per_frame: int) -> int:
    """Frames that fit below the position limit; at least two are needed for a score."""
    frames = (config.max_position_embeddings - prompt_tokens) // tokens_per_frame
    if frames < 2:
        limit = f"at least {prompt_tokens + 2 * tokens_per_frame}: a prompt and two frames"
        raise ArgumentError("max_position_embeddings", config.max_position_embeddings, limit)
    return frames


def decode(given: GivenRows, target_ratio: float = TARGET_RATIO) -> DecodedPair:
    """Decode dense, choose the threshold on its scores, decode with replay.

    Args:
        given: model and tokens.
        target_ratio: replayed share of all decisions in [0, 1]; the run with replay changes its
            own scores and so comes near it only.
    """
    dense, record = run(given, np.inf)
    threshold = calibrate_uniform(record, target_ratio, higher_is_safer=True)[0]
    replay, _ = run(given, threshold)
    return DecodedPair(given, dense, replay, threshold)


def run(given: GivenRows, threshold: float) -> tuple[DecodedRun, ReplayRecord]:
    """One run; threshold inf is bit-identical to a dense one and still takes the scores."""
    config, weights = given.config, given.weights
    rows, steps = given.forced_ids.shape
    outputs = (config.num_hidden_layers, rows, steps, config.hidden_size)
    layer_inputs, mlp_inputs, mlp_outputs = (np.empty(outputs) for _ in range(3))
    layer_inputs[0] = weights.embedding[given.forced_ids]
    record = ReplayRecord(config, steps, rows, weights.dtype)

    def observe(observation: LayerObservation) -> None:
        record.observe(observation)
        layer, token = observation.layer_index, observation.token_index
        mlp_outputs[layer, :, token] = observation.decision.output
        if layer + 1 < config.num_hidden_layers:
            layer_inputs[layer + 1, :, token] = observation.layer_out

    prompt_tokens = given.prompt_ids.shape[1]
    decoder = Decoder(
        config,
        weights,
        rows=rows,
        capacity_tokens=prompt_tokens + steps,
        replay=ReplayConfig(given.tokens_per_frame),
        gate=_RecordingGate(threshold, mlp_inputs),
    )
    _, *logits = feed_tokens(decoder, given.prompt_ids, given.forced_ids, observe)
    plain_queries, queries = _compute_queries(given, layer_inputs)
    decoded = DecodedRun(
        layer_inputs,
        mlp_inputs,
        mlp_outputs,
        plain_queries,
        queries,
        decoder.kv_cache.keys,
        decoder.kv_cache.values,
        record.scores.transpose(1, 2, 0),
        record.replayed.transpose(1, 2, 0),
        record.chains.transpose(1, 2, 0),
        np.concatenate(logits, axis=1),
    )
    return decoded, record


def _compute_queries(given: GivenRows, layer_inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Queries before and after rotary embedding, bit for bit those of the decoder."""
    config = given.config
    _, rows, steps, _ = layer_inputs.shape
    prompt_tokens = given.prompt_ids.shape[1]
    positions = np.broadcast_to(prompt_tokens + np.arange(steps), (rows, steps))
    rotary = make_rotary_table(config, given.weights.dtype, prompt_tokens + steps)
    plain = []
    for x, layer in zip(layer_inputs, given.weights.layers, strict=True):
        normed = compute_rms_norm(x, layer.attention_norm, config.rms_norm_eps)
        plain.append(compute_linear(normed, layer.q_proj))
    plain_queries = np.stack(plain).reshape(*layer_inputs.shape[:3], -1, config.head_dim)
    queries = np.stack([rotary.rotate(query, positions) for query in plain_queries])
    return plain_queries, queries
