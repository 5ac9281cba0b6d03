"""The distance certificate: remembers inputs and polynomials, one frame per layer and row (P-17).

The mathematics is in `fastcar.proofs.distance_bound`.
"""

from __future__ import annotations

import numpy as np

from fastcar.proofs.certificate_names import DISTANCE
from fastcar.proofs.distance_bound import (
    DEGREE,
    DistanceState,
    bound,
    compute_state,
    make_constants,
)
from fastcar.proofs.spectral_norm import compute_gamma, compute_root_above
from fastcar.reference.arrays import BoolArray, Float
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures
from fastcar.reference.weights import ModelWeights

STATE_MULTIPLICATIONS = 48
"""About as many per neuron make the polynomials of a computing token; a replayed one needs none."""


class DistanceCertificate:
    """Costs D multiplications per token and layer; a replay skips the whole MLP.

    Args:
        weights: of the model that is decoded.
    """

    name = DISTANCE

    def __init__(self, weights: ModelWeights) -> None:
        self._constants = [make_constants(layer) for layer in weights.layers]
        self._dtype: np.dtype[Float] = weights.dtype

    @property
    def num_layers(self) -> int:
        """L."""
        return len(self._constants)

    def reset(self, rows: int, tokens_per_frame: int) -> None:
        """One frame of inputs and polynomials per layer and row."""
        places = (self.num_layers, rows, tokens_per_frame)
        self._inputs = np.zeros((*places, self._constants[0].width), self._dtype)
        self._errors = np.full((*places, DEGREE + 1), np.nan)
        self._magnitudes = np.full((*places, DEGREE), np.nan)

    def bound(self, query: GateQuery) -> Measures:
        """See `fastcar.reference.certified_gate.Certificate`."""
        place = query.layer_index, slice(None), query.location_index
        gap = query.mlp_input.astype(np.float64) - self._inputs[place]
        # Each difference, square and sum rounds once: D + 4 operations on the longest path.
        upward = 1 + compute_gamma(gap.shape[1] + 4)
        distance = compute_root_above((gap * gap).sum(axis=1), gap.shape[1]) * upward
        constants = self._constants[query.layer_index]
        state = DistanceState(self._errors[place], self._magnitudes[place])
        certified = bound(state, distance, constants.largest)
        # The same input gives the same bits (D-05).
        return np.where((gap == 0).all(axis=1) & ~np.isnan(certified), 0.0, certified)

    def count_multiplications(self, replayed: BoolArray) -> int:
        """One distance per token and layer, and the polynomials of those that compute."""
        constants = self._constants[0]
        state = STATE_MULTIPLICATIONS * len(constants.gate_rows)
        return replayed.size * constants.width + int((~replayed).sum()) * state

    def remember(self, query: GateQuery, computing: BoolArray) -> None:
        """Inputs and polynomials of the rows that compute."""
        layer_index, location = query.layer_index, query.location_index
        normed = query.mlp_input[computing]
        activations = query.compute_activations(computing)
        state = compute_state(self._constants[layer_index], normed, activations)
        self._inputs[layer_index, computing, location] = normed
        self._errors[layer_index, computing, location] = state.error
        self._magnitudes[layer_index, computing, location] = state.magnitude
