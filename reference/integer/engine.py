"""The integer reference as MLP engine: decisions, MLP phase and replay cache on NumPy integers."""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import BoolArray, Int16Array, Int64Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.digest import check_num_lanes, compute_digests
from fastcar.reference.integer.fixed_point import is_score_reached
from fastcar.reference.integer.mlp_engine import DecisionSource, MlpRequest, MlpResult
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.units import (
    MAX_ACCUMULATOR,
    add_residual,
    compute_integer_distance,
    is_distance_kept,
)


class IntegerMlpEngine:
    """What the hardware computes, in the order of its instructions; only computing rows compute.

    Args:
        model: integer constants of all layers.
        num_lanes: L, which only the digests depend on.
    """

    def __init__(self, model: IntegerModel, num_lanes: int = 16) -> None:
        check_num_lanes(num_lanes)
        self.model = model
        self.num_lanes = num_lanes
        self.reset(0, 0)

    def reset(self, num_slots: int, tokens_per_frame: int) -> None:
        """Start a generation with an empty replay cache for B slots and N places."""
        config = self.model.config
        places = config.num_hidden_layers, num_slots, tokens_per_frame, config.hidden_size
        self.cached_outputs: Int16Array = np.zeros(places, np.int16)
        self.cached_inputs: Int16Array = np.zeros(places, np.int16)

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run one layer of one token; see `MlpRequest`."""
        self._check_request(request)
        layer = self.model.layers[layer_index]
        x = request.residual
        outputs = self.cached_outputs[layer_index, :, request.location_index]  # [B, D]
        inputs = self.cached_inputs[layer_index, :, request.location_index]
        scores, replayed = self._decide(layer_index, request)
        computing = ~replayed
        keeps_inputs = request.source is DecisionSource.DISTANCE
        if computing.any():
            activations = layer.run_mlp(x[computing])
            outputs[computing] = activations.output
            if keeps_inputs:
                inputs[computing] = activations.normed
        new = add_residual(x, outputs)
        stored = [outputs, inputs, new] if keeps_inputs else [outputs, new]
        digests = np.where(
            replayed,
            compute_digests([new], self.num_lanes),
            compute_digests(stored, self.num_lanes),
        )
        return MlpResult(new, outputs.copy(), replayed, scores, digests)

    def _decide(self, layer_index: int, request: MlpRequest) -> tuple[Int64Array, BoolArray]:
        """Scores [B], 0 where none was asked for, and which slots replay [B]."""
        decided = request.is_decided
        scores = np.zeros(len(decided), np.int64)
        replayed = ~request.is_computing
        if not decided.any():
            return scores, replayed
        if request.source is DecisionSource.SCORE:
            assert request.query is not None
            assert request.aligned_key is not None
            products = request.query.astype(np.int64) * request.aligned_key
            scores[decided] = products[decided].sum(axis=-1)
            return scores, np.where(decided, is_score_reached(scores, request.threshold), replayed)
        normed = self.model.layers[layer_index].normalize(request.residual[decided])
        cached = self.cached_inputs[layer_index, decided, request.location_index]
        scores[decided] = compute_integer_distance(normed, cached)
        return scores, np.where(decided, is_distance_kept(scores, request.threshold), replayed)

    def _check_request(self, request: MlpRequest) -> None:
        num_slots = self.cached_outputs.shape[1]
        width, query_size = self.model.config.hidden_size, self.model.query_size
        shapes: dict[str, tuple[Int16Array | BoolArray | None, tuple[int, ...], type]] = {
            "residual": (request.residual, (num_slots, width), np.int16),
            "is_decided": (request.is_decided, (num_slots,), np.bool_),
            "is_computing": (request.is_computing, (num_slots,), np.bool_),
        }
        if request.source is DecisionSource.SCORE and request.is_decided.any():
            shapes["query"] = request.query, (num_slots, query_size), np.int16
            shapes["aligned_key"] = request.aligned_key, (num_slots, query_size), np.int16
        for name, (array, shape, dtype) in shapes.items():
            if array is None or array.shape != shape or array.dtype != dtype:
                found = "none" if array is None else f"{array.dtype} {array.shape}"
                raise ArgumentError(name, found, f"{np.dtype(dtype)} {shape}")
        if not -MAX_ACCUMULATOR - 1 <= request.threshold <= MAX_ACCUMULATOR:
            raise ArgumentError("threshold", request.threshold, "a signed number of 48 bits")
