"""What the integer decoder asks its MLP engine for in one layer of the last token of a scene."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.cosim.calibrated_model import GATES
from fastcar.cosim.export.scene import Scene
from fastcar.reference.arrays import Int16Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import make_measuring_gate
from fastcar.reference.integer.decoder import IntegerDecoder
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.layer import IntegerLayer
from fastcar.reference.integer.mlp_engine import DecisionSource, MlpRequest, MlpResult
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.quantization import quantize_checkpoint
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.teacher_forcing import feed_tokens


@dataclass(frozen=True)
class Capture:
    """What an engine of the decoder was asked for, and its replay cache before that.

    Attributes:
        layer: constants of the layer.
        request: of all slots.
        cached_outputs: [B, D].
        cached_inputs: [B, D].
    """

    layer: IntegerLayer
    request: MlpRequest
    cached_outputs: Int16Array
    cached_inputs: Int16Array


class _CapturingEngine(IntegerMlpEngine):
    """The integer reference; keeps what it was asked for last in one layer."""

    def __init__(self, model: IntegerModel, layer_index: int) -> None:
        super().__init__(model)
        self.layer_index = layer_index
        self.capture: Capture | None = None

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        if layer_index == self.layer_index:
            place = layer_index, slice(None), request.location_index
            self.capture = Capture(
                self.model.layers[layer_index],
                request,
                self.cached_outputs[place].copy(),
                self.cached_inputs[place].copy(),
            )
        return super().run_layer(layer_index, request)


def capture_layer(scene: Scene, source: DecisionSource, layer_index: int) -> Capture:
    """Decode all tokens of a scene; gives one layer of the last one."""
    num_slots, num_tokens = scene.token_ids.shape
    model = quantize_checkpoint(scene.config, scene.weights, scene.prompt_ids, scene.token_ids)
    if not 0 <= layer_index < len(model.layers):
        raise ArgumentError("layer", layer_index, f"from 0 to {len(model.layers) - 1}")
    engine = _CapturingEngine(model, layer_index)
    decoder = IntegerDecoder(
        scene.config,
        scene.weights,
        rows=num_slots,
        capacity_tokens=scene.prompt_ids.shape[1] + num_tokens,
        replay=ReplayConfig(scene.tokens_per_frame),
        model=model,
        gate=make_measuring_gate(GATES[source], len(model.layers)),
        engine=engine,
    )
    for _ in feed_tokens(decoder, scene.prompt_ids, scene.token_ids):
        pass
    assert engine.capture is not None, "a scene has at least one token"
    return engine.capture
