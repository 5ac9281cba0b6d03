"""Dense, static and DRS cycles of a layer step at a given replay ratio, by the cycle model alone.

For sizes that no simulator runs. The cycle model is run on decisions that are drawn, every slot
replaying independently with the given probability, or that were measured on rows of a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.cycles.step_counts import InterpretedCounter, StepCounter
from fastcar.cosim.cycles.workload import Workload
from fastcar.cosim.depth_prediction import fit_published, predict_depth
from fastcar.cosim.measured_decisions import choose_computing
from fastcar.cosim.prediction_request import (
    PredictedSystem,
    PredictionRequest,
    make_model_system,
    make_preset_system,
)
from fastcar.reference.arrays import BoolArray
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.progress import StageProgress
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.vila_u.work import DepthSizes

Report = dict[str, Any]
SCHEMA_VERSION = 1
"""Raised when a field changes its meaning or goes; new fields leave it."""


def predict(
    request: PredictionRequest,
    model: ClipModel | ModelConfig | None = None,
    progress: StageProgress | None = None,
    depth: DepthSizes | None = None,
) -> Report:
    """Dense, static and DRS cycles of a layer step; everything of the report is JSON.

    Args:
        request: sizes, ratios, memory.
        model: whose sizes and measured decisions count; its sizes alone, or None = a preset, with
            drawn ones.
        progress: told of stages.
        depth: what stands beside the layers of a VILA-U model.

    Raises:
        ArgumentError: there is no such accelerator.
    """
    if model is None:
        system = make_preset_system(request)
    else:
        system = make_model_system(request, model, progress)
    if depth is not None:
        system = replace(system, workload=replace(system.workload, depth=depth))
    counter = InterpretedCounter(Planner(system.config, (system.workload.blank_layer,)))
    return predict_system(request, system, counter, progress)


def predict_system(
    request: PredictionRequest,
    system: PredictedSystem,
    counter: StepCounter,
    progress: StageProgress | None = None,
) -> Report:
    """Likewise of a system that is known, by any counter.

    Args:
        request: ratios, draws, seed, source.
        system: sizes, measured decisions.
        counter: of its layer steps.
        progress: told of the stage "predict".
    """
    config, workload = system.config, system.workload
    dense = counter.count_dense(system.latency_cycles)
    share = workload.mlp_weight_share if request.mlp_share is None else request.mlp_share
    rows = []
    for number, ratio in enumerate(request.ratios):
        row = _predict_ratio(request, system, counter, ratio)
        rows.append(row | _compare(row, dense.cycles, share, workload))
        if progress is not None:
            progress("predict", number + 1, len(request.ratios))
    return {
        "schema_version": SCHEMA_VERSION,
        "preset": system.name,
        "decisions": "drawn" if system.measures is None else "measured",
        "accelerator": config.sizes,
        "latency": system.latency_cycles,
        "source": request.source.value,
        "draws": request.draws,
        "seed": request.seed,
        "dense": asdict(dense),
        "mlp_share": share,
        "is_mlp_share_of_weights": request.mlp_share is None,
        "rows": rows,
        "clock_mhz": request.clock_mhz,
        "dense_mlp_seconds": _count_seconds(request, workload, dense.cycles),
        "published_dense_seconds": workload.published_seconds.get(0.0),
        "depth": predict_depth(workload, share, rows, dense.cycles),
        "published_line": fit_published(workload),
    }


def _predict_ratio(
    request: PredictionRequest, system: PredictedSystem, counter: StepCounter, ratio: float
) -> Report:
    """Means over layer steps, the same decisions for both mappings."""
    flags = _choose_flags(request, system, ratio)
    row: Report = {"target_ratio": ratio, "ratio": 1 - float(flags.mean())}
    for name, dispatch in (("drs", Dispatch.DYNAMIC), ("static", Dispatch.STATIC)):
        counts = counter.count(flags, dispatch, request.source, system.latency_cycles)
        row[f"{name}_cycles"] = _mean([one.cycles for one in counts])
        row["read_bytes"] = _mean([one.read_bytes for one in counts])
        row["written_bytes"] = _mean([one.written_bytes for one in counts])
    return row


def _choose_flags(request: PredictionRequest, system: PredictedSystem, ratio: float) -> BoolArray:
    """[draws, B], which slots compute: drawn, or as measured."""
    if system.measures is not None:
        return choose_computing(system.measures, request.source, ratio, request.draws)
    rng = np.random.default_rng(request.seed)
    return rng.random((request.draws, system.config.num_slots)) >= ratio


def _compare(row: Report, dense_cycles: int, mlp_share: float, workload: Workload) -> Report:
    """Against dense, and share of a dense run's time where only the MLP phase gets shorter."""
    published = workload.published_seconds.get(row["target_ratio"])
    compared: Report = {"static_against_drs": row["static_cycles"] / row["drs_cycles"]}
    for name in ("drs", "static"):
        cycles = row[f"{name}_cycles"]
        compared[f"{name}_speed_up"] = dense_cycles / cycles
        compared[f"{name}_time"] = 1 - mlp_share + mlp_share * cycles / dense_cycles
    compared["published_time"] = None
    if published is not None:
        compared["published_time"] = published / workload.published_seconds[0.0]
    return compared


def _count_seconds(request: PredictionRequest, workload: Workload, cycles: float) -> float | None:
    """All layers of all tokens of a batch of videos; None without a clock."""
    if request.clock_mhz is None:
        return None
    steps = workload.num_layers * workload.num_fed_tokens
    return cycles * steps / (1e6 * request.clock_mhz)


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers)
