"""One layer of one token, recorded for a testbench: program, memory before and after, records.

Everything expected comes from the integer reference and the cycle model, nothing from the hardware.
The layer stands alone: a memory with one layer and one place of the replay cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastcar.cosim.cycles.cycle_model import Prediction, predict_run
from fastcar.cosim.export.capture import Capture, capture_layer
from fastcar.cosim.export.scene import Scene
from fastcar.cosim.export.share import Share, choose_threshold, hold_first_slot
from fastcar.cosim.lockstep import list_cores, make_decision
from fastcar.cosim.program.compiler import LayerCompiler, LayerStep
from fastcar.cosim.program.memory_image import Beats, make_memory_image
from fastcar.cosim.program.memory_map import MemoryMap, SlotPart
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap
from fastcar.cosim.records import CommitRecord, Counters, RetireRecord
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import DecisionSource, MlpResult
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import encode


@dataclass(frozen=True)
class Recording:
    """A run of the accelerator as it must be.

    Attributes:
        description: what was recorded, for people.
        config: sizes of the accelerator.
        latency_cycles: of the memory.
        program: 128-bit words.
        memory: [beats, L] before the run.
        memory_after: [beats, L].
        decisions: in the order of their commits.
        retires: in their order.
        counters: at the end of the run.
        sections: what each retirement ends, for people; empty where every slot has one alone.
        memory_map: where everything lies; None where nobody has to know.
    """

    description: str
    config: AcceleratorConfig
    latency_cycles: int
    program: tuple[int, ...]
    memory: Beats
    memory_after: Beats
    decisions: tuple[CommitRecord, ...]
    retires: tuple[RetireRecord, ...]
    counters: Counters
    sections: tuple[str, ...] = ()
    memory_map: MemoryMap | WholeMemoryMap | None = None


def record_layer(
    config: AcceleratorConfig,
    scene: Scene,
    source: DecisionSource = DecisionSource.SCORE,
    layer_index: int = 0,
    latency_cycles: int = 4,
) -> Recording:
    """Record one layer of the last token of a scene.

    Slot 0 computes without a decision, of the others every second one replays: the threshold is
    the median of their measures.
    """
    return record_shares(config, scene, source, layer_index, latency_cycles, [Share.HALF])[0]


def record_shares(
    config: AcceleratorConfig,
    scene: Scene,
    source: DecisionSource,
    layer_index: int,
    latency_cycles: int,
    shares: Sequence[Share],
) -> list[Recording]:
    """Record the same layer with different thresholds; slot 0 computes without a decision."""
    capture = capture_layer(scene, source, layer_index)
    model = IntegerModel(replace(scene.config, num_hidden_layers=1), (capture.layer,))
    where = f"{scene.description}, token {capture.request.token_index}, layer {layer_index}"
    captures = [_divide(config, model, capture, source, share) for share in shares]
    return [
        _record(config, model, one, latency_cycles, f"{where}, {source.value}") for one in captures
    ]


def _record(
    config: AcceleratorConfig,
    model: IntegerModel,
    capture: Capture,
    latency_cycles: int,
    description: str,
) -> Recording:
    request = capture.request
    memory_map = MemoryMap(config, 1, len(request.residual), tokens_per_frame=1)
    image = make_memory_image(memory_map, model.layers)
    program = LayerCompiler(memory_map, model.layers).compile(LayerStep.from_request(0, request))
    reference = _make_reference(config, model, capture)
    image.write_request(request)
    image.write_caches(reference)
    before = image.beats.copy()
    wanted = reference.run_layer(0, request)
    for slot, residual in enumerate(wanted.residual):
        image.write_activation(slot, SlotPart.RESIDUAL, residual)
    image.write_caches(reference)
    prediction = predict_run(config, program, (~wanted.replayed).tolist(), latency_cycles)
    return Recording(
        description,
        config,
        latency_cycles,
        tuple(encode(instruction) for instruction in program),
        before,
        image.beats.copy(),
        *_expect_records(config, wanted, prediction),
        prediction.counters,
        memory_map=memory_map,
    )


def _divide(
    config: AcceleratorConfig,
    model: IntegerModel,
    capture: Capture,
    source: DecisionSource,
    share: Share,
) -> Capture:
    """Let slot 0 compute undecided, and choose the threshold for the others."""
    request = hold_first_slot(replace(capture.request, location_index=0))
    capture = replace(capture, request=request)
    if not request.is_decided.any():
        return capture
    measures = _make_reference(config, model, capture).run_layer(0, request)
    threshold = choose_threshold(source, share, measures.scores[request.is_decided])
    return replace(capture, request=replace(request, threshold=threshold))


def _make_reference(
    config: AcceleratorConfig, model: IntegerModel, capture: Capture
) -> IntegerMlpEngine:
    """The integer reference with the replay cache of the capture."""
    engine = IntegerMlpEngine(model, config.num_lanes)
    engine.reset(len(capture.request.residual), 1)
    engine.cached_outputs[0, :, 0] = capture.cached_outputs
    engine.cached_inputs[0, :, 0] = capture.cached_inputs
    return engine


def _expect_records(
    config: AcceleratorConfig, wanted: MlpResult, prediction: Prediction
) -> tuple[tuple[CommitRecord, ...], tuple[RetireRecord, ...]]:
    cores = list_cores(wanted, config.num_cores, Dispatch.DYNAMIC)
    decisions = tuple(
        make_decision(wanted, cores, slot, cycle)
        for slot, cycle in enumerate(prediction.decision_cycles)
    )
    retires = tuple(
        RetireRecord(
            order,
            one.slot,
            cores[one.slot],
            one.start_cycle,
            one.end_cycle,
            int(wanted.digests[one.slot]),
        )
        for order, one in enumerate(prediction.retirements)
    )
    return decisions, retires
