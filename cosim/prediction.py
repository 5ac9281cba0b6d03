"""Dense, static and DRS cycles of a layer step at a given replay ratio, by the cycle model alone.

For sizes that no simulator runs. The cycle model is run on decisions that are drawn, every slot
replaying independently with the given probability, or that were measured on rows of a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastcar.cosim.cycles.cycle_model import Prediction
from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.cycles.workload import Workload
from fastcar.cosim.depth_prediction import fit_published, predict_depth
from fastcar.cosim.measured_decisions import choose_computing
from fastcar.cosim.prediction_request import (
    PredictedSystem,
    PredictionRequest,
    make_model_system,
    make_preset_system,
)
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.progress import StageProgress
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.vila_u.work import DepthSizes
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.latency import count_read_beats, count_written_beats

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
    config, workload = system.config, system.workload
    if depth is not None:
        workload = replace(workload, depth=depth)
    planner = Planner(config, (workload.blank_layer,))
    dense = planner.predict_dense(config.num_slots, system.latency_cycles)
    share = workload.mlp_weight_share if request.mlp_share is None else request.mlp_share
    rows = []
    for number, ratio in enumerate(request.ratios):
        row = _predict_ratio(request, system, planner, ratio)
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
        "dense": {"cycles": dense.cycles, **count_bytes(config, dense)},
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
    request: PredictionRequest, system: PredictedSystem, planner: Planner, ratio: float
) -> Report:
    """Means over layer steps, the same decisions for both mappings."""
    config = planner.config
    if system.measures is None:
        rng = np.random.default_rng(request.seed)
        flags = rng.random((request.draws, config.num_slots)) >= ratio
    else:
        flags = choose_computing(system.measures, request.source, ratio, request.draws)
    row: Report = {"target_ratio": ratio, "ratio": 1 - float(flags.mean())}
    for name, dispatch in (("drs", Dispatch.DYNAMIC), ("static", Dispatch.STATIC)):
        predictions = [
            planner.predict(one, config.num_cores, dispatch, request.source, system.latency_cycles)
            for one in flags.tolist()
        ]
        row[f"{name}_cycles"] = _mean([one.cycles for one in predictions])
        moved = [count_bytes(config, one) for one in predictions]
        for way in ("read_bytes", "written_bytes"):
            row[way] = _mean([one[way] for one in moved])
    return row


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


def count_bytes(config: AcceleratorConfig, prediction: Prediction) -> dict[str, int]:
    """Bytes that the cores read and write in a layer step."""
    done = [step.instruction for step in prediction.steps if step.core is not None]
    return {
        "read_bytes": config.beat_bytes * sum(count_read_beats(config, one) for one in done),
        "written_bytes": config.beat_bytes * sum(count_written_beats(config, one) for one in done),
    }


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers)
