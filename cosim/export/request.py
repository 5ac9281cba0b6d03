"""What to export: a preset, or an accelerator of the sizes of a model."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.cosim.request import (
    CosimRequest,
    get_default_lanes,
    get_query_size,
    make_accelerator_config,
)
from fastcar.reference.arguments import check_fields
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.rtl.config import DEMO, MAX_SLOTS, PRESETS, AcceleratorConfig

MAX_LATENCY_CYCLES = 1000
DEFAULT_SLOTS = 4
"""Slots of the testbench, fewer where accelerator or model have fewer."""
_NAMES = {"num_slots": "slots", "layer_index": "layer", "latency_cycles": "latency"}
"""What users call the fields of a request."""


@dataclass(frozen=True)
class ExportRequest:
    """What to export.

    Attributes:
        preset: name of `fastcar.rtl.config.PRESETS`; None = demo where it has the model's sizes and
            nothing else is asked for, otherwise these sizes.
        cores: C, without a preset; None = 2.
        lanes: L, likewise; None = 16, or as many as the longest vector fills.
        batch: B, likewise; None = as many as `num_slots`.
        source: what decides in what is recorded.
        num_slots: slots of the testbench; None = 4, or as many as there are.
        layer_index: which layer; None = 0, or all where whole tokens are recorded.
        latency_cycles: of the testbench's memory.
        seed: of the random model, where a preset has other sizes than the shipped model.
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

    def __post_init__(self) -> None:
        check_fields(self, _NAMES)
        if self.preset is not None:
            self._check_preset(self.preset)
        if self.num_slots is not None and not 1 <= self.num_slots <= MAX_SLOTS:
            raise ArgumentError("slots", self.num_slots, f"from 1 to {MAX_SLOTS}")
        if not 1 <= self.latency_cycles <= MAX_LATENCY_CYCLES:
            raise ArgumentError("latency", self.latency_cycles, f"from 1 to {MAX_LATENCY_CYCLES}")
        if self.seed < 0:
            raise ArgumentError("seed", self.seed, "at least 0")

    def _check_preset(self, preset: str) -> None:
        if preset not in PRESETS:
            raise ArgumentError("preset", preset, f"one of {', '.join(PRESETS)}")
        for name in ("cores", "lanes", "batch"):
            if getattr(self, name) is not None:
                raise ArgumentError(name, getattr(self, name), f"given without preset {preset}")
        most_slots = PRESETS[preset].num_slots
        if self.num_slots is not None and self.num_slots > most_slots:
            limit = f"from 1 to {most_slots}, the slots of {preset}"
            raise ArgumentError("slots", self.num_slots, limit)
        if self.layer_index is not None and PRESETS[preset].attention is not None:
            limit = f"left out: the testbench of {preset} runs all layers"
            raise ArgumentError("layer", self.layer_index, limit)

    def make_config(self, model: ModelConfig) -> tuple[str, AcceleratorConfig]:
        """Name and sizes of the accelerator.

        Raises:
            ArgumentError: there is none of these sizes.
        """
        if self.preset is not None:
            return self.preset, PRESETS[self.preset]
        sizes = get_model_sizes(model, DEMO)
        if (self.cores, self.lanes, self.batch) == (None, None, None) and sizes == get_sizes(DEMO):
            return "demo", DEMO
        slots = DEFAULT_SLOTS if self.num_slots is None else self.num_slots
        config = make_accelerator_config(
            CosimRequest.cores if self.cores is None else self.cores,
            get_default_lanes(model) if self.lanes is None else self.lanes,
            slots if self.batch is None else self.batch,
            *sizes.values(),
        )
        return "custom", config


def get_sizes(config: AcceleratorConfig) -> dict[str, int]:
    """D, F and Q; with an attention phase heads, key heads and their width as well."""
    sizes = {
        "D": config.hidden_size,
        "F": config.intermediate_size,
        "Q": config.query_size,
    }
    if config.attention is None:
        return sizes
    heads, key_heads = config.attention.num_heads, config.attention.num_key_value_heads
    return sizes | {"H": heads, "H_kv": key_heads, "d": config.attention.head_dim}


def get_model_sizes(model: ModelConfig, config: AcceleratorConfig) -> dict[str, int]:
    """The sizes of a model that must be those of an accelerator."""
    sizes = {"D": model.hidden_size, "F": model.intermediate_size, "Q": get_query_size(model)}
    if config.attention is None:
        return sizes
    heads, key_heads = model.num_attention_heads, model.num_key_value_heads
    return sizes | {"H": heads, "H_kv": key_heads, "d": model.head_dim}


def choose_slots(request: ExportRequest, config: AcceleratorConfig, most: int) -> int:
    """Slots of the testbench: what was asked for, or as many as there are up to the default."""
    if request.num_slots is None:
        return min(DEFAULT_SLOTS, config.num_slots, most)
    if request.num_slots > config.num_slots:
        limit = f"from 1 to {config.num_slots}, the slots of the accelerator"
        raise ArgumentError("slots", request.num_slots, limit)
    return request.num_slots
