"""What to export: a preset, or an accelerator of other sizes."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.cosim.export.module_name import check_module_name
from fastcar.cosim.export.sizes import DEFAULT_SLOTS
from fastcar.cosim.verilog.verilog import MODULE_NAME
from fastcar.cosim.whole.scope import Scope
from fastcar.reference.arguments import check_fields
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.rtl.config import MAX_SLOTS, PRESETS, AcceleratorConfig

MAX_LATENCY_CYCLES = 1000
_NAMES = {
    "num_slots": "slots",
    "layer_index": "layer",
    "latency_cycles": "latency",
    "module_name": "module",
}
"""What users call the fields of a request."""
GIVEN_SIZES = "hidden_size", "intermediate_size", "query_size"
_OWN_SIZES = "scope", "cores", "lanes", "batch", "queue_depth", *GIVEN_SIZES, "max_blocks"
"""What a preset says."""


@dataclass(frozen=True)
class ExportRequest:
    """What to export.

    Attributes:
        preset: name of `fastcar.rtl.config.PRESETS`; None = demo where it has the model's sizes and
            nothing else is asked for, otherwise these sizes.
        cores: C, without a preset; None = 2.
        lanes: L, likewise; None = 16, or as many as the longest vector fills, with an attention
            phase as many as divide a head.
        batch: B, likewise; None = as many as `num_slots`.
        source: what decides in what is recorded.
        num_slots: slots of the testbench; None = 4, or as many as there are.
        layer_index: which layer; None = 0, or all where whole tokens are recorded.
        latency_cycles: of the testbench's memory.
        seed: of the random model, where a preset has other sizes than the shipped model, or sizes
            are given.
        scope: what the accelerator computes, without a preset; None = the MLP phase alone.
        queue_depth: instructions that a core queues, without a preset; None = 32.
        hidden_size: D, without a preset or a model; given with F and Q.
        intermediate_size: F, likewise.
        query_size: Q, likewise.
        max_blocks: blocks of L keys that the score buffer holds, with scope decoder; None = for all
            tokens of a row.
        module_name: of the Verilog module, and of the files that hold it.
    """

    preset: str | None = None
    cores: int | None = None
    lanes: int | None = None
    batch: int | None = None
    source: DecisionSource = DecisionSource.SCORE
    num_slots: int | None = None
    layer_index: int | None = None
    latency_cycles: int = 4
    seed: int = 0
    scope: Scope | None = None
    queue_depth: int | None = None
    hidden_size: int | None = None
    intermediate_size: int | None = None
    query_size: int | None = None
    max_blocks: int | None = None
    module_name: str = MODULE_NAME

    def __post_init__(self) -> None:
        check_fields(self, _NAMES)
        if self.preset is not None:
            self._check_preset(self.preset)
        self._check_sizes()
        if self.num_slots is not None and not 1 <= self.num_slots <= MAX_SLOTS:
            raise ArgumentError("slots", self.num_slots, f"from 1 to {MAX_SLOTS}")
        if not 1 <= self.latency_cycles <= MAX_LATENCY_CYCLES:
            raise ArgumentError("latency", self.latency_cycles, f"from 1 to {MAX_LATENCY_CYCLES}")
        if self.seed < 0:
            raise ArgumentError("seed", self.seed, "at least 0")
        check_module_name(self.module_name)

    def _check_preset(self, preset: str) -> None:
        if preset not in PRESETS:
            raise ArgumentError("preset", preset, f"one of {', '.join(PRESETS)}")
        for name in _OWN_SIZES:
            value = getattr(self, name)
            if value is not None:
                shown = value.value if isinstance(value, Scope) else value
                raise ArgumentError(name, shown, f"given without preset {preset}")
        most_slots = PRESETS[preset].num_slots
        if self.num_slots is not None and self.num_slots > most_slots:
            limit = f"from 1 to {most_slots}, the slots of {preset}"
            raise ArgumentError("slots", self.num_slots, limit)
        if self.layer_index is not None and PRESETS[preset].attention is not None:
            limit = f"left out: the testbench of {preset} runs all layers"
            raise ArgumentError("layer", self.layer_index, limit)

    def _check_sizes(self) -> None:
        """Sizes that belong together, and what one scope alone has."""
        given = [name for name in GIVEN_SIZES if getattr(self, name) is not None]
        missing = [name for name in GIVEN_SIZES if name not in given]
        if given and missing:
            limit = f"given together with {' and '.join(missing)}"
            raise ArgumentError(given[0], getattr(self, given[0]), limit)
        if given and self.is_decoder:
            limit = "left out: scope decoder has the sizes of a model, its heads among them"
            raise ArgumentError(given[0], getattr(self, given[0]), limit)
        if self.layer_index is not None and self.is_decoder:
            limit = "left out: the testbench of scope decoder runs all layers"
            raise ArgumentError("layer", self.layer_index, limit)
        if self.max_blocks is not None and not self.is_decoder:
            raise ArgumentError("max_blocks", self.max_blocks, "given with scope decoder")
        if self.max_blocks is not None and self.max_blocks < 1:
            raise ArgumentError("max_blocks", self.max_blocks, "at least 1")

    @property
    def is_decoder(self) -> bool:
        """Whether the accelerator has an attention phase, without a preset."""
        return self.scope is Scope.DECODER

    @property
    def given_sizes(self) -> tuple[int, int, int] | None:
        """D, F and Q; None where a model says them."""
        if self.hidden_size is None or self.intermediate_size is None or self.query_size is None:
            return None
        return self.hidden_size, self.intermediate_size, self.query_size


def choose_slots(request: ExportRequest, config: AcceleratorConfig, most: int) -> int:
    """Slots of the testbench: what was asked for, or as many as there are up to the default."""
    if request.num_slots is None:
        return min(DEFAULT_SLOTS, config.num_slots, most)
    if request.num_slots > config.num_slots:
        limit = f"from 1 to {config.num_slots}, the slots of the accelerator"
        raise ArgumentError("slots", request.num_slots, limit)
    return request.num_slots
