"""Dense, static and DRS cycles of a layer step at a given replay ratio, by the cycle model alone.

For sizes that no simulator runs. Every slot replays independently with the given probability; the
cycle model is run on draws of such decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fastcar.cosim.cycles.cycle_model import Prediction
from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.cycles.workload import WORKLOADS, Workload
from fastcar.cosim.request import make_accelerator_config
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.progress import StageProgress
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.thresholds import check_ratio
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.latency import count_read_beats, count_written_beats

Report = dict[str, Any]
DEFAULT_RATIOS = (0.2, 0.5, 0.8)
MAX_DRAWS = 100_000


@dataclass(frozen=True)
class PredictionRequest:
    """What to predict.

    Attributes:
        preset: name of `WORKLOADS`.
        cores: C; None = the preset's, where it knows it, as with the next three.
        lanes: L.
        batch: B.
        latency: cycles of the memory.
        source: what decides.
        ratios: replayed shares.
        draws: layer steps drawn for each ratio.
        seed: of the draws.
        mlp_share: share of a dense run's time that the MLP phase takes; None = its share of the
            layer's weights.
        clock_mhz: for seconds; None = cycles only.
    """

    preset: str = "demo"
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
        if self.preset not in WORKLOADS:
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
        if self.clock_mhz is not None and not 0 < self.clock_mhz < float("inf"):
            raise ArgumentError("clock_mhz", self.clock_mhz, "above 0 and finite")

    @property
    def workload(self) -> Workload:
        """The preset."""
        return WORKLOADS[self.preset]

    def make_config(self) -> AcceleratorConfig:
        """Sizes of the accelerator.

        Raises:
            ArgumentError: one is neither given nor known, or there is no such accelerator.
        """
        workload, known = self.workload, self.workload.accelerator
        return make_accelerator_config(
            self._choose("cores", None if known is None else known.num_cores),
            self._choose("lanes", None if known is None else known.num_lanes),
            self._choose("batch", None if known is None else known.num_slots),
            workload.hidden_size,
            workload.intermediate_size,
            workload.query_size,
        )

    @property
    def latency_cycles(self) -> int:
        """Of the memory.

        Raises:
            ArgumentError: neither given nor known.
        """
        return self._choose("latency", self.workload.latency_cycles)

    def _choose(self, name: str, known: int | None) -> int:
        """A number that is given, or the preset's."""
        given: int | None = getattr(self, name)
        chosen = known if given is None else given
        if chosen is None:
            raise ArgumentError(name, None, f"given; the preset {self.preset} leaves it open")
        return chosen


def predict(request: PredictionRequest, progress: StageProgress | None = None) -> Report:
    """Dense, static and DRS cycles of a layer step; everything of the report is JSON.

    Raises:
        ArgumentError: there is no such accelerator.
    """
    config, workload = request.make_config(), request.workload
    planner = Planner(config, (workload.blank_layer,))
    dense = planner.predict_dense(config.num_slots, request.latency_cycles)
    share = workload.mlp_weight_share if request.mlp_share is None else request.mlp_share
    rows = []
    for number, ratio in enumerate(request.ratios):
        row = _predict_ratio(request, planner, ratio)
        rows.append(row | _compare(row, dense.cycles, share, workload))
        if progress is not None:
            progress("predict", number + 1, len(request.ratios))
    return {
        "preset": request.preset,
        "accelerator": asdict(config),
        "latency": request.latency_cycles,
        "source": request.source.value,
        "draws": request.draws,
        "seed": request.seed,
        "dense": {"cycles": dense.cycles, **count_bytes(config, dense)},
        "mlp_share": share,
        "is_mlp_share_of_weights": request.mlp_share is None,
        "rows": rows,
        "clock_mhz": request.clock_mhz,
        "dense_mlp_seconds": _count_seconds(request, dense.cycles),
        "published_dense_seconds": workload.published_seconds.get(0.0),
    }


def _predict_ratio(request: PredictionRequest, planner: Planner, ratio: float) -> Report:
    """Means over draws of decisions, the same draws for both mappings."""
    config, rng = planner.config, np.random.default_rng(request.seed)
    flags = rng.random((request.draws, config.num_slots)) >= ratio
    row: Report = {"target_ratio": ratio, "ratio": 1 - float(flags.mean())}
    for name, dispatch in (("drs", Dispatch.DYNAMIC), ("static", Dispatch.STATIC)):
        predictions = [
            planner.predict(one, config.num_cores, dispatch, request.source, request.latency_cycles)
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


def _count_seconds(request: PredictionRequest, cycles: float) -> float | None:
    """All layers of all tokens of a batch of videos; None without a clock."""
    if request.clock_mhz is None:
        return None
    steps = request.workload.num_layers * request.workload.num_fed_tokens
    return cycles * steps / (1e6 * request.clock_mhz)


def count_bytes(config: AcceleratorConfig, prediction: Prediction) -> dict[str, int]:
    """Bytes that the cores read and write in a layer step."""
    done = [step.instruction for step in prediction.steps if step.core is not None]
    return {
        "read_bytes": config.beat_bytes * sum(count_read_beats(config, one) for one in done),
        "written_bytes": config.beat_bytes * sum(count_written_beats(one) for one in done),
    }


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers)
