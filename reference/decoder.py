"""The auto-regressive decoder: prefill of a prompt, then one token per row and step.

The executable specification that everything else is compared with. One object is one batch of
rows with its caches; `prefill` starts a generation and forgets the one before.

Notation: B rows, L layers, H heads, H_kv key heads, d head width, D model width, V vocabulary,
N tokens per frame, P prompt tokens. Generated tokens are counted from 0: feeding generated token j
computes its query, key, value and MLP output in entry P + j.
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.attention import compute_prompt_attention
from fastcar.reference.config import ModelConfig
from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.finite_check import (
    FedTokens,
    allow_overflow,
    check_layer,
    check_logits,
    check_scores,
    check_stream,
    name_stored,
)
from fastcar.reference.gates.gate import Gate
from fastcar.reference.kv_cache import CacheStorage, KVCache
from fastcar.reference.laps import Laps, accounted
from fastcar.reference.matrix import DecoderLayer, DecoderWeights, get_dtype, take_rows
from fastcar.reference.observation import Attended, LayerObservation, Observer, Score
from fastcar.reference.prompt_check import check_prompt, check_token_ids
from fastcar.reference.replay import ReplayConfig, ReplayDecision, ReplayMLP, Semantics
from fastcar.reference.rotary import make_rotary_table
from fastcar.reference.sparse_attention import SparseAttention, make_prompt_visibility
from fastcar.reference.temporal_attention_score import aggregate_heads, compute_score_heads


class Decoder:
    """A batch of rows that decodes in step.

    Args:
        config: sizes.
        weights: float32 or float64, the arithmetic follows their dtype; or compressed.
        rows: B.
        capacity_tokens: prompt plus generated tokens, at most `config.max_position_embeddings`.
        replay: tokens per frame, eligibility, score variant.
        gate: decides replays; None = dense.
        sparse: sinks and window; None = full attention.
        fused: attention by online softmax.
        float_engine: computes; None = NumPy.
        cache_storage: of keys and values.
        laps: where to account the time.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: DecoderWeights,
        *,
        rows: int,
        capacity_tokens: int,
        replay: ReplayConfig,
        gate: Gate | None = None,
        sparse: SparseAttention | None = None,
        fused: bool = False,
        float_engine: Engine | None = None,
        cache_storage: CacheStorage = CacheStorage.EXACT,
        laps: Laps | None = None,
    ) -> None:
        if rows < 1:
            raise ArgumentError("rows", rows, "at least 1")
        if not 1 <= capacity_tokens <= config.max_position_embeddings:
            limit = f"in [1, {config.position_limit}]"
            raise ArgumentError("prompt plus generated tokens", capacity_tokens, limit)
        if replay.tokens_per_frame > config.max_position_embeddings:
            limit = f"at most {config.position_limit}"
            raise ArgumentError("tokens_per_frame", replay.tokens_per_frame, limit)
        self.config = config
        self.weights = weights
        self.replay = replay
        self.sparse = sparse
        self.laps = Laps() if laps is None else laps
        self.float_engine: Engine = NumpyEngine() if float_engine is None else float_engine
        self.dtype = dtype = get_dtype(weights)
        self.float_engine.check_dtype(dtype)
        self.kv_cache = KVCache(config, rows, capacity_tokens, dtype, cache_storage)
        self.mlp = ReplayMLP(config, replay, gate, rows, dtype, self.float_engine)
        self.prompt_tokens = 0
        self.rotary = make_rotary_table(config, dtype, capacity_tokens)
        self._fed = FedTokens(self.kv_cache.padding_tokens, 0)
        self._fused = fused

    @property
    def num_rows(self) -> int:
        """B."""
        return int(self.kv_cache.keys.shape[1])

    @allow_overflow
    def prefill(self, prompt_ids: TokenIds, prompt_mask: BoolArray | None = None) -> FloatArray:
        """Start a generation: forget the last one, feed the prompt.

        The prompt caches nothing for replay (D-03).

        Args:
            prompt_ids: [B, P] int64 in [0, V).
            prompt_mask: [B, P], False for padding at the left; None = no padding. Positions count
                unmasked tokens.

        Returns:
            [B, P, V] logits; those of padded places mean nothing.

        Raises:
            ArgumentError: ids, shapes or a length that do not fit the decoder.
            NonFiniteError: a number beyond the range of the arithmetic (D-37).
        """
        return self._compute_logits(self._run_prompt(prompt_ids, prompt_mask))

    @allow_overflow
    def prefill_hidden(
        self, prompt_ids: TokenIds, prompt_mask: BoolArray | None = None
    ) -> FloatArray:
        """As `prefill`, without the head: normed hidden states [B, P, D] (D-58)."""
        return self._norm(self._run_prompt(prompt_ids, prompt_mask))

    def _run_prompt(self, prompt_ids: TokenIds, prompt_mask: BoolArray | None) -> FloatArray:
        """Residual stream [B, P, D] behind the last layer."""
        prompt_mask = self._start(prompt_ids, prompt_mask)
        rows, length = prompt_ids.shape
        cache = self.kv_cache
        positions = np.maximum(np.arange(length) - cache.padding_tokens[:, None], 0)  # [B, P]
        visible = make_prompt_visibility(prompt_mask, self.sparse)  # [B, P, P]
        engine = self.float_engine
        x = self._embed(prompt_ids)  # [B, P, D]
        check_stream(x, None, "embedding", self._fed)
        for layer_index, layer in enumerate(self.weights.layers):
            query, key, value = self._project(layer, x)
            query = engine.rotate(self.rotary, query, positions)
            key = engine.rotate(self.rotary, key, positions)
            self._store(layer_index, 0, key, value)
            keys = cache.get_keys(layer_index, 0, length)
            values = cache.get_values(layer_index, 0, length)
            context = compute_prompt_attention(query, keys, values, visible)
            x = x + engine.linear(context.reshape(rows, length, -1), layer.o_proj)
            check_stream(x, layer_index, "attention", self._fed)
            normed = engine.rms_norm(x, layer.mlp_norm, self.config.rms_norm_eps)
            x = x + engine.swiglu(normed.reshape(rows * length, -1), layer).reshape(x.shape)
            check_stream(x, layer_index, "MLP", self._fed)
        cache.num_entries = self.prompt_tokens = length
        return x

    @allow_overflow
    @accounted("other")
    def step(self, token_ids: TokenIds, observer: Observer | None = None) -> FloatArray:
        """Feed the next generated token of every row.

        Args:
            token_ids: [B] int64 in [0, V).
            observer: called once per layer.

        Returns:
            [B, V] logits of the token after it.

        Raises:
            ArgumentError: ids or a number of tokens that do not fit the decoder.
            NonFiniteError: a number beyond the range of the arithmetic (D-37).
        """
        check_token_ids("token_ids", token_ids, (self.num_rows,), self.config.vocab_size)
        return self._compute_logits(self._run_token(self._embed(token_ids), token_ids, observer))

    @allow_overflow
    @accounted("other")
    def step_hidden(self, embedded: FloatArray, observer: Observer | None = None) -> FloatArray:
        """Feed the next generated token of every row as an embedding, without the head (D-58).

        Args:
            embedded: [B, D], of the dtype of the weights.
            observer: called once per layer.

        Returns:
            [B, D] normed hidden states, from which the token after it is drawn.

        Raises:
            ArgumentError: another shape, or a number of tokens that does not fit the decoder.
            NonFiniteError: a number beyond the range of the arithmetic (D-37).
        """
        shape = self.num_rows, self.config.hidden_size
        if embedded.shape != shape:
            raise ArgumentError("embedded shape", embedded.shape, f"{shape}")
        return self._norm(self._run_token(embedded.astype(self.dtype, copy=False), None, observer))

    def _run_token(
        self, x: FloatArray, token_ids: TokenIds | None, observer: Observer | None
    ) -> FloatArray:
        """Residual stream [B, D] behind the last layer, of the embeddings x [B, D]."""
        cache = self.kv_cache
        if cache.num_entries == 0:
            raise ArgumentError("fed prompt tokens", 0, "at least 1: call prefill first")
        if cache.num_entries == cache.capacity_tokens:
            limit = f"at most capacity_tokens = {cache.capacity_tokens}"
            raise ArgumentError("prompt plus generated tokens", cache.num_entries + 1, limit)
        token_index = cache.num_entries - self.prompt_tokens
        cache.num_entries += 1
        self._fed = FedTokens(cache.padding_tokens, self.prompt_tokens, token_index)
        check_stream(x, None, "embedding", self._fed)
        self.mlp.feed(token_ids, x)
        for layer_index in range(self.config.num_hidden_layers):
            attended = self._run_attention(layer_index, token_index, x)
            score = self._take_score(layer_index, token_index, attended)
            x, decision = self._run_mlp(layer_index, token_index, attended, score.aggregated)
            check_layer(attended.residual, x, layer_index, self._fed)
            if observer is not None:
                seen = LayerObservation(
                    layer_index,
                    token_index,
                    score.heads,
                    score.aggregated,
                    decision,
                    x,
                    score.is_extra,
                    attended.query,
                )
                self._show(observer, seen)
        return x

    def _start(self, prompt_ids: TokenIds, prompt_mask: BoolArray | None) -> BoolArray:
        """Forget the last generation; the mask [B, P] of the prompt that begins the next."""
        mask = check_prompt(
            prompt_ids,
            prompt_mask,
            rows=self.num_rows,
            capacity_tokens=self.kv_cache.capacity_tokens,
            vocab_size=self.config.vocab_size,
        )
        cache = self.kv_cache
        cache.reset()
        self.mlp.reset()
        cache.padding_tokens[:] = (~mask).sum(axis=1)
        self._fed = FedTokens(cache.padding_tokens, prompt_ids.shape[1], mask=mask)
        return mask

    def _embed(self, token_ids: TokenIds) -> FloatArray:
        """Rows of the embedding, [..., D]."""
        return take_rows(self.weights.embedding, token_ids)

    def _project(
        self, layer: DecoderLayer, x: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Queries [..., H, d], keys and values [..., H_kv, d] before rotary embedding."""
        heads = (*x.shape[:-1], -1, self.config.head_dim)
        query, key, value = self.float_engine.project(x, layer, self.config.rms_norm_eps)
        return query.reshape(heads), key.reshape(heads), value.reshape(heads)

    @accounted("attention")
    def _run_attention(self, layer_index: int, token_index: int, x: FloatArray) -> Attended:
        """Attention of the residual stream x [B, D]."""
        engine, cache, layer = self.float_engine, self.kv_cache, self.weights.layers[layer_index]
        entry = cache.num_entries - 1
        plain_query, key, value = self._project(layer, x)
        positions = entry - cache.padding_tokens  # [B]
        query = engine.rotate(self.rotary, plain_query, positions)
        key = engine.rotate(self.rotary, key, positions)
        self._store(layer_index, entry, key[:, None], value[:, None])
        is_paper = self.replay.semantics is Semantics.PAPER
        is_tapped = is_paper and self._is_scored(layer_index, token_index)
        context, tapped = engine.attend(
            query,
            cache,
            layer_index,
            self._aligned_entry if is_tapped else None,
            self.sparse,
            self._fused,
        )
        x = x + engine.linear(context.reshape(len(x), -1), layer.o_proj)  # [B, D]
        return Attended(x, query if is_paper else plain_query, tapped)

    def _store(self, layer_index: int, start: int, key: FloatArray, value: FloatArray) -> None:
        """Keep key and value [B, T, H_kv, d] in the entries from `start` on."""
        try:
            self.float_engine.store(self.kv_cache, layer_index, start, key, value)
        except ArgumentError as error:
            storage = self.kv_cache.storage
            raise name_stored(error, storage, key, value, layer_index, self._fed) from error

    @accounted("score")
    def _take_score(self, layer_index: int, token_index: int, attended: Attended) -> Score:
        """The score where the gate looks at it: tapped, or by a product with the aligned key."""
        if not self._is_scored(layer_index, token_index):
            return Score(None, None, False)
        heads = attended.tapped
        if heads is None:
            aligned = self._aligned_entry
            aligned_key = self.kv_cache.get_keys(layer_index, aligned, aligned + 1)[:, :, 0]
            heads = compute_score_heads(attended.query, aligned_key)
        aggregated = aggregate_heads(heads, self.replay.get_aggregation(layer_index))
        check_scores(heads, aggregated, layer_index, self._fed)
        return Score(heads, aggregated, attended.tapped is None)

    @accounted("mlp")
    def _run_mlp(
        self, layer_index: int, token_index: int, attended: Attended, score: FloatArray | None
    ) -> tuple[FloatArray, ReplayDecision]:
        """Residual stream [B, D] after the MLP, and what was done; score [B] if one was taken."""
        x, layer = attended.residual, self.weights.layers[layer_index]
        decision = self.mlp.run(layer_index, token_index, x, layer, score)
        return x + decision.output, decision

    @accounted(None)
    def _show(self, observer: Observer, seen: LayerObservation) -> None:
        observer(seen)

    def _is_scored(self, layer_index: int, token_index: int) -> bool:
        return self.mlp.needs_score(layer_index) and self.replay.is_eligible(token_index)

    @property
    def _aligned_entry(self) -> int:
        """Where the key of the same place one frame before the newest token lies."""
        return self.kv_cache.num_entries - 1 - self.replay.tokens_per_frame

    def _norm(self, x: FloatArray) -> FloatArray:
        """The norm behind the last layer, [..., D]."""
        return self.float_engine.rms_norm(x, self.weights.norm, self.config.rms_norm_eps)

    def _compute_logits(self, x: FloatArray) -> FloatArray:
        """[..., D] to [..., V]."""
        normed = self._norm(x)
        logits = self.float_engine.linear(normed, self.weights.head)
        check_logits(logits, self._fed)
        return logits
