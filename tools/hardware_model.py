"""What the cycle model says about mappings, replay ratios and memories.

The cycle model is equal to the hardware (`tests/cosim`), and thousands of layer steps cost seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from cosim.compiler import LayerStep
from cosim.cycle_model import Prediction, predict_run
from reference.attention import BoolArray
from reference.integer_model import IntegerModel
from reference.mlp_engine import DecisionSource
from reference.scheduler import Dispatch
from rtl.config import AcceleratorConfig
from rtl.instruction import Predicate
from tools.hardware_run import Settings
from tools.hardware_tally import LATENCY_CYCLES, PARTS, compile_layer, get_mlp_span

Json = dict[str, Any]


class Planner:
    """Predictions of layer steps in which every slot is decided by a source.

    Args:
        config: sizes; number of cores and slots are replaced.
        model: integer constants.
    """

    def __init__(self, config: AcceleratorConfig, model: IntegerModel) -> None:
        self.config, self.model = config, model
        self._program = cache(self._compile)
        self._mlp_cycles = cache(self._count_mlp_cycles)

    def predict(
        self,
        flags: Sequence[bool],
        num_cores: int,
        dispatch: Dispatch,
        source: DecisionSource,
        latency_cycles: int = LATENCY_CYCLES,
    ) -> Prediction:
        """One layer step; flags say which slots compute."""
        num_slots = len(flags)
        config = dataclasses.replace(self.config, num_cores=num_cores, num_slots=num_slots)
        program = self._program(num_slots, dispatch, source)
        return predict_run(config, program, flags, latency_cycles)

    def count_mlp_cycles(
        self, flags: BoolArray, num_cores: int, dispatch: Dispatch, source: DecisionSource
    ) -> int:
        """Cycles from the first to the last one of the MLP phase."""
        return self._mlp_cycles(tuple(flags.tolist()), num_cores, dispatch, source)

    def _count_mlp_cycles(
        self,
        flags: tuple[bool, ...],
        num_cores: int,
        dispatch: Dispatch,
        source: DecisionSource,
    ) -> int:
        first, last = get_mlp_span(self.predict(flags, num_cores, dispatch, source))
        return last - first + 1

    def _compile(self, num_slots: int, dispatch: Dispatch, source: DecisionSource) -> Any:
        config = dataclasses.replace(self.config, num_slots=num_slots)
        everything = np.ones(num_slots, bool)
        step = LayerStep(0, 0, source, 0, everything, everything, dispatch)
        return compile_layer(config, self.model, step)


def trace_ratio(planner: Planner, settings: Settings, num_draws: int = 40) -> list[Json]:
    """MLP-phase cycles for every number of replayed slots, which slots drawn at random."""
    rng = np.random.default_rng(0)
    num_slots, num_cores = settings.videos, planner.config.num_cores
    rows = []
    for num_computing in range(num_slots + 1):
        ordered = np.arange(num_slots) < num_computing
        draws = [rng.permutation(ordered) for _ in range(num_draws)]
        means = {
            dispatch.value: float(
                np.mean(
                    [
                        planner.count_mlp_cycles(one, num_cores, dispatch, DecisionSource.SCORE)
                        for one in draws
                    ]
                )
            )
            for dispatch in Dispatch
        }
        rows.append({"ratio": 1 - num_computing / num_slots} | means)
    return rows


def measure_latencies(planner: Planner, flags: BoolArray, settings: Settings) -> list[Json]:
    """Layer steps under slower memories that still deliver one beat per cycle."""
    rows = []
    for latency_cycles in settings.latencies_cycles:
        cycles = stalls = mac_busy = worked = 0
        for one in flags[:: max(1, len(flags) // 20)]:
            prediction = planner.predict(
                one.tolist(),
                planner.config.num_cores,
                Dispatch.DYNAMIC,
                DecisionSource.SCORE,
                latency_cycles,
            )
            cores = prediction.counters.cores
            cycles += prediction.cycles
            stalls += sum(core.read_stall + core.write_stall for core in cores)
            mac_busy += sum(core.mac_busy for core in cores)
            worked += sum(
                step.last_cycle - step.first_cycle + 1
                for step in prediction.steps
                if step.core is not None
            )
        rows.append(
            {
                "latency_cycles": latency_cycles,
                "cycles": cycles,
                "stall_share": stalls / worked,
                "utilisation": mac_busy / worked,
            }
        )
    return rows


def trace_timeline(planner: Planner, flags: BoolArray) -> Json:
    """The cores over one layer step under both mappings.

    Of the steps in which the static mapping is slower, those whose number of computing slots is
    nearest to half; of these the one with the median slowdown.
    """
    num_cores = planner.config.num_cores

    def compute_slowdown(one: BoolArray) -> float:
        static, dynamic = (
            planner.count_mlp_cycles(one, num_cores, dispatch, DecisionSource.SCORE)
            for dispatch in (Dispatch.STATIC, Dispatch.DYNAMIC)
        )
        return static / dynamic

    slowdowns = np.array([compute_slowdown(one) for one in flags])
    chosen = np.flatnonzero(slowdowns > 1) if (slowdowns > 1).any() else np.arange(len(flags))
    from_half = np.abs(2 * flags[chosen].sum(axis=1) - flags.shape[1])
    chosen = chosen[from_half == from_half.min()]
    place = chosen[np.argsort(slowdowns[chosen], kind="stable")[len(chosen) // 2]]
    timeline: Json = {"computes": flags[place].tolist(), "slowdown": float(slowdowns[place])}
    for dispatch in Dispatch:
        prediction = planner.predict(
            flags[place].tolist(), num_cores, dispatch, DecisionSource.SCORE
        )
        timeline[dispatch.value] = {
            "cycles": prediction.cycles,
            "bars": _list_bars(prediction),
        }
    return timeline


def _list_bars(prediction: Prediction) -> list[Json]:
    """Work of the cores, one bar per slot and part."""
    bars: dict[tuple[int, int, str], Json] = {}
    for step in prediction.steps:
        if step.core is None:
            continue
        part = PARTS[Predicate(step.instruction.predicate)]
        key = step.instruction.slot, step.core, part
        bar = bars.setdefault(
            key,
            {"core": step.core, "slot": step.instruction.slot, "part": part}
            | {"first": step.first_cycle},
        )
        bar["last"] = step.last_cycle
    return list(bars.values())
