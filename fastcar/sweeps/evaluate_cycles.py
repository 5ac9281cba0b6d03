"""A point of scope cycles: layer steps by the compiled cycle model."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.cycles.step_counts import CompiledCounter, ProgramTables
from fastcar.cosim.prediction import predict_system
from fastcar.cosim.prediction_request import (
    PredictedSystem,
    PredictionRequest,
    make_model_system,
    make_preset_system,
)
from fastcar.predicting import load_predicted_model
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.rtl.config import AcceleratorConfig

DEFAULT_RATIO = 0.5
_FILES = ("checkpoint", "tokens", "tokens_per_frame")
_SIZES = ("preset", "cores", "lanes", "batch", "latency", "source", "clock_mhz")
"""What a system depends on; a clock is refused with some models."""
_OF_ROW = (
    "drs_cycles",
    "static_cycles",
    "read_bytes",
    "written_bytes",
    "static_against_drs",
    "drs_speed_up",
    "static_speed_up",
    "drs_time",
    "static_time",
    "published_time",
)


def evaluate(values: dict[str, Any]) -> dict[str, Any]:
    """Results of a point; equal to what `fastcar predict` says of it."""
    request = make_request(values)
    counter, system = _make_counter(*(values.get(name) for name in (*_FILES, *_SIZES)))
    report = predict_system(request, system, counter)
    row = report["rows"][0]
    return {
        "measured_ratio": row["ratio"],
        "dense_cycles": report["dense"]["cycles"],
        "dense_mlp_seconds": report["dense_mlp_seconds"],
        "slots": system.config.num_slots,
        "mac_multipliers": system.config.num_cores * system.config.num_lanes,
        **{name: row[name] for name in _OF_ROW},
    }


def check(values: dict[str, Any]) -> None:
    """Refuse values outside their limits; what a checkpoint has to do with them comes later."""
    request = make_request(values)
    if "checkpoint" not in values:
        make_preset_system(request)


def make_request(values: dict[str, Any]) -> PredictionRequest:
    """The request of `fastcar predict` for a point."""
    given = {name: value for name, value in values.items() if name not in (*_FILES, "ratio")}
    ratio = values.get("ratio", DEFAULT_RATIO)
    return PredictionRequest(**{"ratios": (ratio,), "draws": 1, **given})


_tables: dict[AcceleratorConfig, ProgramTables] = {}
"""By the sizes of a core: few, however many points there are."""


@lru_cache(maxsize=1024)
def _make_counter(
    checkpoint: str | None, tokens: str | None, tokens_per_frame: int | None, *sizes: Any
) -> tuple[CompiledCounter, PredictedSystem]:
    """Sizes and programs, which many points share."""
    model = _load_model(checkpoint, tokens, tokens_per_frame)
    given = {name: size for name, size in zip(_SIZES, sizes, strict=True) if size is not None}
    request = PredictionRequest(**given)
    system = make_preset_system(request) if model is None else make_model_system(request, model)
    core = replace(system.config, num_cores=1, num_slots=1)
    if core not in _tables:
        _tables[core] = ProgramTables(Planner(core, (system.workload.blank_layer,)))
    return CompiledCounter(_tables[core], system.config), system


@lru_cache(maxsize=4)
def _load_model(
    checkpoint: str | None, tokens: str | None, tokens_per_frame: int | None
) -> ClipModel | ModelConfig | None:
    return load_predicted_model(checkpoint, tokens, tokens_per_frame)
