"""The decoder that computes everything on integers: prompt, attention, MLP phase and head.

Loop, decisions, replay cache and records are those of `IntegerDecoder`; an engine computes the MLP
phase, the integer reference or simulated hardware. What one layer hands to the next is the float64
that its int16 numbers stand for, from which they are read back exactly (D-46): nothing is rounded
between layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, FloatArray, Int16Array, Int64Array, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.decoder import IntegerDecoder
from fastcar.reference.integer.digest import check_num_lanes
from fastcar.reference.integer.fixed_point import quantize
from fastcar.reference.integer.units import add_residual
from fastcar.reference.integer.whole.cache import IntegerCache, make_visible_runs
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.rotary import make_integer_rotary_table
from fastcar.reference.integer.whole.softmax import check_visible_tokens
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.laps import accounted
from fastcar.reference.observation import Attended
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.weights import ModelWeights

DEFAULT_NUM_LANES = 16


@dataclass(frozen=True)
class IntegerAttended(Attended):
    """What attention leaves, with its integers.

    Attributes:
        integer_query: [B, H, d] int16, after ROPE.
        accumulators: [B, H, n] int64, products with the visible and invisible keys of the row.
    """

    integer_query: Int16Array
    accumulators: Int64Array


class WholeDecoder(IntegerDecoder):
    """A batch of rows that decodes in step, on integers from token to logits.

    Queries of observations and logits are float64, what the integers stand for.

    Args:
        config: sizes.
        weights: of the checkpoint; nothing is computed with them.
        rows: B.
        capacity_tokens: prompt plus generated tokens.
        replay: as in `IntegerDecoder`, with the paper's score, which is a logit.
        model: integer constants, quantised from these weights.
        num_lanes: L, keys of a word that share an exponent: a power of two, at least 4.
        options: `gate`, `engine`, `sparse`, `laps` as in `IntegerDecoder`.

    Raises:
        ArgumentError: also for more visible tokens than sums hold, or a cache of other numbers.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: ModelWeights,
        *,
        rows: int,
        capacity_tokens: int,
        replay: ReplayConfig,
        model: WholeModel,
        num_lanes: int = DEFAULT_NUM_LANES,
        **options: Any,
    ) -> None:
        super().__init__(
            config,
            weights,
            rows=rows,
            capacity_tokens=capacity_tokens,
            replay=replay,
            model=model.mlp,
            **options,
        )
        if replay.semantics is not Semantics.PAPER:
            limit = "paper: the score is a logit of attention on integers"
            raise ArgumentError("semantics", replay.semantics.value, limit)
        storage = options.get("cache_storage", CacheStorage.EXACT)
        if storage is not CacheStorage.EXACT:
            raise ArgumentError("kv_cache", storage.value, "exact: keys and values are int8")
        check_num_lanes(num_lanes)
        check_visible_tokens(_count_visible(capacity_tokens, self.sparse))
        self.whole = model
        self.num_lanes = num_lanes
        self.integer_cache = IntegerCache(config, rows, capacity_tokens)
        self._turns = make_integer_rotary_table(config, capacity_tokens)

    def prefill(self, prompt_ids: TokenIds, prompt_mask: BoolArray | None = None) -> FloatArray:
        """Start a generation: feed the prompt token by token, on integers; see `Decoder`."""
        mask = self._start(prompt_ids, prompt_mask)
        shape = *prompt_ids.shape, self.config.vocab_size
        logits: NDArray[np.float64] = np.zeros(shape)  # [B, P, V]
        for column, fed in enumerate(mask.T):
            rows = np.flatnonzero(fed)
            positions = column - self.kv_cache.padding_tokens[rows]
            if len(rows):
                logits[rows, column] = self._feed_prompt(prompt_ids[rows, column], rows, positions)
        self.kv_cache.num_entries = self.prompt_tokens = prompt_ids.shape[1]
        return logits

    def _feed_prompt(
        self, token_ids: TokenIds, rows: Int64Array, positions: Int64Array
    ) -> FloatArray:
        """Logits [R, V] behind one prompt token of some rows; nothing is replayed or cached."""
        x = self.whole.embedding[token_ids]
        for layer_index, layer in enumerate(self.whole.mlp.layers):
            added, _, _ = self._attend(layer_index, x, rows, positions)
            _, x = layer.run(add_residual(x, added))
        return self.whole.head.run(x) * self.whole.head.scale

    def _attend(
        self, layer_index: int, x: Int16Array, rows: Int64Array, positions: Int64Array
    ) -> tuple[Int16Array, Int16Array, Int64Array]:
        """What attention adds [R, D], query [R, H, d] and accumulators [R, H, n] of some rows."""
        layer, cache = self.whole.attention[layer_index], self.integer_cache
        projected = layer.project(x, self._turns, positions)
        cache.store(layer_index, rows, positions, projected.key, projected.value)
        runs = make_visible_runs(positions, self.sparse, self.num_lanes)
        num_keys = int(positions.max()) + 1
        keys = cache.get_keys(layer_index, rows, num_keys)
        values = cache.get_values(layer_index, rows, num_keys)
        context, accumulators = layer.attend(projected.query, keys, values, runs, self.num_lanes)
        return layer.run_output(context), projected.query, accumulators

    def _embed(self, token_ids: TokenIds) -> FloatArray:
        """What the rows of the integer embedding stand for."""
        return self._dequantize(self.whole.embedding[token_ids], self.whole.residual_scale)

    @accounted("attention")
    def _run_attention(self, layer_index: int, token_index: int, x: FloatArray) -> IntegerAttended:
        """Attention of what the integer residual stream [B, D] stands for."""
        del token_index
        scale = self.whole.residual_scale
        integers, rows = quantize(x, scale), np.arange(self.num_rows)
        positions = self.kv_cache.num_entries - 1 - self.kv_cache.padding_tokens
        added, query, accumulators = self._attend(layer_index, integers, rows, positions)
        residual = self._dequantize(add_residual(integers, added), scale)
        steps = self.whole.attention[layer_index].scales.query  # [H, d / 2]
        return IntegerAttended(
            residual, query * np.concatenate([steps, steps], axis=1), None, query, accumulators
        )

    def _get_score_operands(
        self, layer_index: int, attended: Attended
    ) -> tuple[Int16Array, Int16Array]:
        """The query, and the aligned key of the cache, as they are."""
        assert isinstance(attended, IntegerAttended)
        aligned = self._aligned_entry - self.kv_cache.padding_tokens  # [B]
        keys = self.integer_cache.keys[layer_index, np.arange(self.num_rows), :, aligned]
        return attended.integer_query, keys.astype(np.int16)

    def _compute_logits(self, x: FloatArray) -> FloatArray:
        """[B, D] to [B, V]."""
        return self.whole.head.run(quantize(x, self.whole.residual_scale)) * self.whole.head.scale

    def _dequantize(self, x: Int16Array, scale: float) -> FloatArray:
        """In float64, whatever the weights: the integers can be read back."""
        return x * np.float64(scale)


def _count_visible(capacity_tokens: int, sparse: SparseAttention | None) -> int:
    """Most keys that a token sees."""
    if sparse is None:
        return capacity_tokens
    return min(capacity_tokens, sparse.window_tokens + sparse.sink_tokens)
