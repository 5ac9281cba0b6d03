"""What the cycle model says about mappings, replay ratios and memories."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.cycles.timeline import list_spans
from fastcar.reference.arrays import BoolArray
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from tools.hardware.run import HardwareSettings
from tools.hardware.tally import LATENCY_CYCLES

Json = dict[str, Any]


def trace_ratio(planner: Planner, settings: HardwareSettings, num_draws: int = 40) -> list[Json]:
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


def measure_latencies(planner: Planner, flags: BoolArray, settings: HardwareSettings) -> list[Json]:
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
            flags[place].tolist(), num_cores, dispatch, DecisionSource.SCORE, LATENCY_CYCLES
        )
        timeline[dispatch.value] = {
            "cycles": prediction.cycles,
            "spans": [asdict(span) for span in list_spans(prediction)],
        }
    return timeline
