"""What is predicted: a request, and the system it speaks of."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.cosim.cycles.workload import WORKLOADS, Workload
from fastcar.cosim.measured_decisions import measure_layer_steps
from fastcar.cosim.request import (
    DEFAULT_BATCH,
    MAX_LATENCY,
    CosimRequest,
    get_default_lanes,
    get_query_size,
    make_accelerator_config,
)
from fastcar.reference.arguments import check_fields
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.progress import StageProgress
from fastcar.reference.thresholds import Measures, check_ratio
from fastcar.rtl.config import AcceleratorConfig

DEFAULT_PRESET = "demo"
MIN_MEGAHERTZ, MAX_MEGAHERTZ = 1e-6, 1e6
"""A hertz, and more than any circuit."""
DEFAULT_RATIOS = (0.2, 0.5, 0.8)
MAX_DRAWS = 100_000


@dataclass(frozen=True)
class PredictionRequest:
    """What to predict.

    Attributes:
        preset: name of `WORKLOADS`; None = demo, or the model's sizes where one is given.
        cores: C; None = the preset's, where it knows it, as with the next three.
        lanes: L.
        batch: B.
        latency: cycles of the memory.
        source: what decides.
        ratios: replayed shares.
        draws: layer steps for each ratio.
        seed: of the draws.
        mlp_share: share of a dense run's time that the MLP phase takes; None = its share of the
            layer's weights.
        clock_mhz: for seconds; None = cycles only.
    """

    preset: str | None = None
    cores: int | None = None
    lanes: int | None = None
    batch: int | None = None
    latency: int | None = None
    source: DecisionSource = DecisionSource.SCORE
    ratios: tuple[float, ...] = DEFAULT_RATIOS
    draws: int = 100
    seed: int = 0
    mlp_share: float | None = None
    clock_mhz: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.preset is not None and self.preset not in WORKLOADS:
            raise ArgumentError("preset", self.preset, f"one of {', '.join(WORKLOADS)}")
        for ratio in self.ratios:
            check_ratio("ratio", ratio)
        if self.mlp_share is not None:
            check_ratio("mlp_share", self.mlp_share)
        for name, least in (("latency", 1), ("draws", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ArgumentError(name, value, f"at least {least}")
        if self.draws > MAX_DRAWS:
            raise ArgumentError("draws", self.draws, f"at most {MAX_DRAWS}")
        if self.latency is not None and self.latency > MAX_LATENCY:
            raise ArgumentError("latency", self.latency, f"at most {MAX_LATENCY}")
        if self.clock_mhz is not None and not MIN_MEGAHERTZ <= self.clock_mhz <= MAX_MEGAHERTZ:
            limit = f"from {MIN_MEGAHERTZ:g} to {MAX_MEGAHERTZ:g}"
            raise ArgumentError("clock_mhz", self.clock_mhz, limit)
        if not self.ratios:
            raise ArgumentError("ratio", self.ratios, "at least one")


@dataclass(frozen=True)
class PredictedSystem:
    """A workload on an accelerator.

    Attributes:
        name: of the preset or the model.
        workload: sizes of the model.
        config: sizes of the accelerator.
        latency_cycles: of the memory.
        measures: [steps, L, B], what decides in every eligible layer step; None = decisions are
            drawn.
    """

    name: str
    workload: Workload
    config: AcceleratorConfig
    latency_cycles: int
    measures: Measures | None = None


def make_preset_system(request: PredictionRequest) -> PredictedSystem:
    """A preset with what the request adds to it.

    Raises:
        ArgumentError: a size is neither given nor known, or there is no such accelerator.
    """
    name = DEFAULT_PRESET if request.preset is None else request.preset
    workload = WORKLOADS[name]
    known = workload.accelerator

    def choose(argument: str, preset: int | None) -> int:
        given: int | None = getattr(request, argument)
        chosen = preset if given is None else given
        if chosen is None:
            raise ArgumentError(argument, None, f"given; the preset {name} leaves it open")
        return chosen

    config = make_accelerator_config(
        choose("cores", None if known is None else known.num_cores),
        choose("lanes", None if known is None else known.num_lanes),
        choose("batch", None if known is None else known.num_slots),
        workload.hidden_size,
        workload.intermediate_size,
        workload.query_size,
    )
    return PredictedSystem(name, workload, config, choose("latency", workload.latency_cycles))


def make_model_system(
    request: PredictionRequest,
    model: ClipModel | ModelConfig,
    progress: StageProgress | None = None,
) -> PredictedSystem:
    """A model with the accelerator of the request, as `cosim` would run it.

    Args:
        request: sizes of the accelerator.
        model: with rows, whose decisions are measured; or its sizes alone.
        progress: told of the stage "measure".

    Raises:
        ArgumentError: a preset beside the model, more slots than rows, no such accelerator, a
            clock where nobody says how long a video is.
    """
    if request.preset is not None:
        raise ArgumentError("preset", request.preset, "given without a checkpoint")
    sizes = model if isinstance(model, ModelConfig) else model.config
    most_slots = DEFAULT_BATCH
    if not isinstance(model, ModelConfig):
        most_slots = min(DEFAULT_BATCH, len(model.load_rows("held_out")))
    elif request.clock_mhz is not None:
        limit = "given with tokens: the length of a video is not known"
        raise ArgumentError("clock_mhz", request.clock_mhz, limit)
    config = make_accelerator_config(
        CosimRequest.cores if request.cores is None else request.cores,
        get_default_lanes(sizes) if request.lanes is None else request.lanes,
        most_slots if request.batch is None else request.batch,
        sizes.hidden_size,
        sizes.intermediate_size,
        get_query_size(sizes),
    )
    latency = CosimRequest.latency if request.latency is None else request.latency
    if isinstance(model, ModelConfig):
        return PredictedSystem(
            "sizes of a checkpoint", _make_workload(config, sizes), config, latency
        )
    num_fed_tokens = model.num_frames * model.tokens_per_frame - 1
    measures = measure_layer_steps(model, request.source, config.num_slots, progress)
    workload = _make_workload(config, sizes, num_fed_tokens)
    return PredictedSystem(model.name, workload, config, latency, measures)


def _make_workload(
    config: AcceleratorConfig, sizes: ModelConfig, num_fed_tokens: int = 0
) -> Workload:
    return Workload(
        config.hidden_size,
        config.intermediate_size,
        config.query_size,
        sizes.num_hidden_layers,
        num_fed_tokens,
    )
