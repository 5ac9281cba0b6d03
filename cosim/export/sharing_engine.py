"""The integer reference in which a given share of the slots replays, layer by layer."""

from __future__ import annotations

from dataclasses import replace

from fastcar.cosim.export.share import Share, choose_threshold, hold_first_slot
from fastcar.cosim.whole.reference import KeepingEngine
from fastcar.reference.integer.mlp_engine import MlpRequest, MlpResult
from fastcar.reference.integer.whole.model import WholeModel


class SharingEngine(KeepingEngine):
    """Chooses the threshold of every layer from what the layer measures.

    Args:
        model: integer constants.
        num_lanes: L, of digests.
        share: of the slots behind slot 0, which computes.
        first_token: generated index of the first token that it chooses for; those before it are
            done as they are asked for.
    """

    def __init__(self, model: WholeModel, num_lanes: int, share: Share, first_token: int) -> None:
        super().__init__(model, num_lanes)
        self._share, self._first_token = share, first_token

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run the reference with the chosen threshold, and keep request and result."""
        if request.token_index >= self._first_token:
            request = self._choose(layer_index, request)
        return super().run_layer(layer_index, request)

    def _choose(self, layer_index: int, request: MlpRequest) -> MlpRequest:
        assert request.is_decided.all(), "a token that may replay"
        request = hold_first_slot(request)
        if not request.is_decided.any():
            return request
        scores, _ = self._decide(layer_index, request)
        measures = scores[request.is_decided]
        return replace(request, threshold=choose_threshold(request.source, self._share, measures))
