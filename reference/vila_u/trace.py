"""Teacher-forced decode of a VILA-U model with everything recorded: its conformance door.

Rows are the conditional ones of b videos, then their unconditional ones, R = 2 b. T positions are
drawn, the codes of all but the last are fed; replay counts the fed ones, step i feeds position i.
Source: github.com/mit-han-lab/vila-u at 096623c; of replay github.com/shawnricecake/fast-car at
0d8fc9d, `modeling_llama.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arguments import check_argument
from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.decoder import Decoder
from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.errors import ArgumentError, NonFiniteError
from fastcar.reference.finite_check import allow_overflow
from fastcar.reference.gates.gate import Gate
from fastcar.reference.guidance import check_scale, combine_logits
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import get_dtype
from fastcar.reference.observation import LayerObservation
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.temporal_attention_score import aggregate_heads, compute_score_heads
from fastcar.reference.vila_u.model import VilaUModel

GUIDANCE = 3.0
"""Published default."""


@dataclass(frozen=True)
class VilaUTrace:
    """What a teacher-forced run shows; S = T - 1 steps, L layers, D depths, n codes.

    Attributes:
        hidden: [R, T, H], normed, from which position t is drawn.
        depth_logits: [R, T, D, n], before guidance.
        guided_logits: [b, T, D, n].
        tas: [S, L, R], NaN where a step is not eligible; also where the layer has no threshold.
        eligible: [S, R] bool, step i >= N and its frame warm (`max_chain` not counted).
        replayed: [S, L, R] bool.
        mlp_used: [S, L, R, H], MLP output that was added and cached.
    """

    hidden: FloatArray
    depth_logits: FloatArray
    guided_logits: FloatArray
    tas: FloatArray
    eligible: BoolArray
    replayed: BoolArray
    mlp_used: FloatArray


@dataclass(frozen=True)
class VilaUOptions:
    """How a VILA-U model is decoded.

    Attributes:
        replay: tokens per frame, semantics, eligibility.
        gate: decides replays of the body; None = dense.
        sparse: sinks and window of the body.
        fused: attention of the body by online softmax.
        engine: of all products; None = NumPy.
        cache_storage: of the body's keys and values.
        guidance: w of u + w (c - u).
    """

    replay: ReplayConfig
    gate: Gate | None = None
    sparse: SparseAttention | None = None
    fused: bool = False
    engine: Engine | None = None
    cache_storage: CacheStorage = CacheStorage.EXACT
    guidance: float = GUIDANCE

    def __post_init__(self) -> None:
        check_scale(self.guidance)

    def make_engine(self) -> Engine:
        """The engine."""
        return NumpyEngine() if self.engine is None else self.engine


def check_positions(model: VilaUModel, prompt_tokens: int, positions: int) -> None:
    """Refuse a video that is longer than the body's position limit; its last place is not fed.

    Raises:
        ArgumentError: says how many positions fit.
    """
    limit = model.config.llm.max_position_embeddings
    if prompt_tokens + positions - 1 > limit:
        most = max(0, limit - prompt_tokens + 1)
        words = f"at most {most}: {model.config.llm.position_limit}, {prompt_tokens} of the prompt"
        raise ArgumentError("positions of a video", positions, words)


def make_vila_u_decoder(
    model: VilaUModel, prompt_ids: TokenIds, positions: int, options: VilaUOptions
) -> Decoder:
    """The body with room for a prompt and a video of so many positions."""
    return Decoder(
        model.config.llm,
        model.weights,
        rows=len(prompt_ids),
        capacity_tokens=prompt_ids.shape[1] + positions - 1,
        replay=options.replay,
        gate=options.gate,
        sparse=options.sparse,
        fused=options.fused,
        float_engine=options.make_engine(),
        cache_storage=options.cache_storage,
    )


@allow_overflow
def run_vila_u_trace(
    model: VilaUModel,
    prompt_ids: TokenIds,
    codes: TokenIds,
    options: VilaUOptions,
    prompt_mask: BoolArray | None = None,
) -> VilaUTrace:
    """Feed a prompt and then given codes, recording everything.

    Args:
        model: weights.
        prompt_ids: [R, P] int64, each row ends with `<vi_start>`.
        codes: [b, T, D] int64, of every position.
        options: replay, gate, attention, engine, guidance.
        prompt_mask: [R, P], False for padding at the left; None = no padding.

    Raises:
        ArgumentError: ids, codes, shapes or sizes that do not fit the model or each other.
        NonFiniteError: a number beyond the range of the arithmetic (D-37).
    """
    check_argument("model", model, VilaUModel)
    check_argument("options", options, VilaUOptions)
    model.check_prompt(prompt_ids, prompt_mask)
    model.codebooks.check_codes("codes", codes)
    if 2 * len(codes) != len(prompt_ids):
        limit = f"{len(prompt_ids) // 2}, half of the rows of prompt_ids"
        raise ArgumentError("videos of codes", len(codes), limit)
    positions = codes.shape[1]
    check_positions(model, prompt_ids.shape[1], positions)
    decoder = make_vila_u_decoder(model, prompt_ids, positions, options)
    recorder = _Recorder(decoder, positions - 1)
    engine = options.make_engine()
    cumulated = np.tile(model.codebooks.cumulate(codes), (2, 1, 1, 1))  # [R, T, D, C]
    rows, depth, num_codes = len(prompt_ids), model.depth.depth, model.codebooks.num_codes
    dtype = get_dtype(model.weights)
    hidden = np.empty((rows, positions, model.config.llm.hidden_size), dtype)
    logits = np.empty((rows, positions, depth, num_codes), dtype)
    guided = np.empty((rows // 2, positions, depth, num_codes), dtype)
    state = decoder.prefill_hidden(prompt_ids, prompt_mask)[:, -1]
    for position in range(positions):
        hidden[:, position] = state
        found = model.depth.compute_logits(state, cumulated[:, position], engine)
        logits[:, position] = found
        guided[:, position] = combine_logits(found, options.guidance)
        check_depth_logits(guided[:, position], position)
        if position < positions - 1:
            embedded = model.embed(cumulated[:, position], engine)
            state = decoder.step_hidden(embedded, recorder.observe)
    return VilaUTrace(
        hidden, logits, guided, recorder.tas, recorder.eligible, recorder.replayed, recorder.used
    )


def check_depth_logits(guided: FloatArray, position: int) -> None:
    """Refuse guided logits [b, ..., n] that are not finite.

    Raises:
        NonFiniteError: names position and video.
    """
    finite = np.isfinite(guided)
    if not finite.all():
        index = np.unravel_index(int(np.argmin(finite)), guided.shape)
        place = f"under guidance, position {position}, video {int(index[0])}"
        value = float(guided[index])
        raise NonFiniteError("depth logits", value, place, f"finite in {guided.dtype}")


class _Recorder:
    """Decisions and scores of every step, the scores of layers without a threshold among them."""

    def __init__(self, decoder: Decoder, steps: int) -> None:
        config, rows = decoder.config, decoder.num_rows
        shape = steps, config.num_hidden_layers, rows
        self._decoder = decoder
        self.tas: FloatArray = np.full(shape, np.nan, decoder.dtype)
        self.replayed: BoolArray = np.zeros(shape, bool)
        self.used: FloatArray = np.empty((*shape, config.hidden_size), decoder.dtype)
        self.eligible: BoolArray = np.zeros((steps, rows), bool)
        for index in range(steps):
            self.eligible[index] = decoder.replay.is_eligible(index)

    def observe(self, seen: LayerObservation) -> None:
        """One layer of one step."""
        place = seen.token_index, seen.layer_index
        self.replayed[place] = seen.decision.replayed
        self.used[place] = seen.decision.output
        if self._decoder.replay.is_eligible(seen.token_index):
            self.tas[place] = self._compute_score(seen) if seen.score is None else seen.score

    def _compute_score(self, seen: LayerObservation) -> FloatArray:
        """[R], of the query that the semantics name and the key of the place one frame before."""
        replay, cache = self._decoder.replay, self._decoder.kv_cache
        aligned = cache.num_entries - 1 - replay.tokens_per_frame
        key = cache.get_keys(seen.layer_index, aligned, aligned + 1)[:, :, 0]
        heads = compute_score_heads(seen.query, key)
        return aggregate_heads(heads, replay.get_aggregation(seen.layer_index))
