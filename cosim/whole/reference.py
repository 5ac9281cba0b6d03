"""The integer decoder that keeps what the accelerator is compared with, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray, Int16Array, Int64Array, TokenIds
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import MlpRequest, MlpResult
from fastcar.reference.integer.units import add_residual
from fastcar.reference.integer.whole.decoder import DEFAULT_NUM_LANES, WholeDecoder
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.observation import Observer


@dataclass(frozen=True)
class AttentionTrace:
    """What the attention of one layer did.

    Attributes:
        layer_index: l.
        rows: [R], that were fed.
        positions: [R], of the token in each of them, padding left out.
        residual: [R, D] int16, residual stream after attention.
    """

    layer_index: int
    rows: Int64Array
    positions: Int64Array
    residual: Int16Array


@dataclass(frozen=True)
class TokenTrace:
    """What the reference did for one token of every row that was fed.

    Attributes:
        token_index: generated index j; -1 of the last prompt token, -2 of the one before.
        attention: one per layer.
        requests: one per layer; empty of a prompt token, which no engine decides.
        results: likewise.
    """

    token_index: int
    attention: tuple[AttentionTrace, ...]
    requests: tuple[MlpRequest, ...] = ()
    results: tuple[MlpResult, ...] = ()


class KeepingEngine(IntegerMlpEngine):
    """The integer reference that keeps requests and results.

    Args:
        model: integer constants.
        num_lanes: L, of digests.

    Attributes:
        kept: of the layers of the newest token, in their order.
    """

    def __init__(self, model: WholeModel, num_lanes: int) -> None:
        super().__init__(model.mlp, num_lanes)
        self.kept: list[tuple[MlpRequest, MlpResult]] = []

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run the reference and keep both."""
        result = super().run_layer(layer_index, request)
        self.kept.append((request, result))
        return result


class TracedDecoder(WholeDecoder):
    """A `WholeDecoder` that keeps what it did for the newest tokens.

    Args:
        arguments: as `WholeDecoder` takes them, but for `engine`.
        model: integer constants.
        num_lanes: L, of words and digests.
        engine: of the MLP phase; None = one that decides as it is asked.
        options: as `WholeDecoder` takes them.

    Attributes:
        mlp_engine: decides, computes, holds the replay cache.
        traces: of the prompt after `prefill`, of the one token after `step`.
    """

    def __init__(
        self,
        *arguments: Any,
        model: WholeModel,
        num_lanes: int = DEFAULT_NUM_LANES,
        engine: KeepingEngine | None = None,
        **options: Any,
    ) -> None:
        self.mlp_engine = KeepingEngine(model, num_lanes) if engine is None else engine
        self.traces: tuple[TokenTrace, ...] = ()
        self._attended: list[AttentionTrace] = []
        super().__init__(
            *arguments, model=model, num_lanes=num_lanes, engine=self.mlp_engine, **options
        )

    def prefill(self, prompt_ids: TokenIds, prompt_mask: BoolArray | None = None) -> FloatArray:
        """Start a generation; see `WholeDecoder`."""
        self._attended.clear()
        logits = super().prefill(prompt_ids, prompt_mask)
        num_layers = self.config.num_hidden_layers
        num_fed = len(self._attended) // num_layers
        self.traces = tuple(
            TokenTrace(token - num_fed, tuple(self._attended[token * num_layers :][:num_layers]))
            for token in range(num_fed)
        )
        return logits

    def step(self, token_ids: TokenIds, observer: Observer | None = None) -> FloatArray:
        """Feed the next generated token; see `Decoder`."""
        self._attended.clear()
        self.mlp_engine.kept.clear()
        logits = super().step(token_ids, observer)
        requests, results = zip(*self.mlp_engine.kept, strict=True)
        trace = TokenTrace(requests[0].token_index, tuple(self._attended), requests, results)
        self.traces = (trace,)
        return logits

    def _attend(
        self, layer_index: int, x: Int16Array, rows: Int64Array, positions: Int64Array
    ) -> tuple[Int16Array, Int16Array, Int64Array]:
        added, query, accumulators = super()._attend(layer_index, x, rows, positions)
        residual = add_residual(x, added)
        self._attended.append(AttentionTrace(layer_index, rows, positions, residual))
        return added, query, accumulators

    def get_position(self, row: int) -> int:
        """Of the newest token of a row, padding left out."""
        return int(self.kv_cache.num_entries - 1 - self.kv_cache.padding_tokens[row])

    def count_positions(self, num_positions: int) -> Int64Array:
        """[B], positions of every row that have a key, of the first `num_positions` entries."""
        return np.maximum(num_positions - self.kv_cache.padding_tokens, 0)
