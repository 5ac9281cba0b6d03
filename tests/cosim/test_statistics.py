"""Sums of a co-simulation: every core-cycle is counted once, mappings are those of the model."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.backend import RunResult, RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.cycles.cycle_model import predict_run
from fastcar.cosim.cycles.timeline import list_spans
from fastcar.cosim.engine import AcceleratorEngine, LayerRun
from fastcar.cosim.lockstep import LockstepEngine
from fastcar.cosim.statistics import RunStatistics, set_mapping
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import TINY
from tests.cosim.interpreted_backend import InterpretedBackend, Sabotage
from tests.cosim.tiny_model import make_model, make_request

NUM_SLOTS = 4
LATENCY_CYCLES = 3


def collect(
    dispatch: Dispatch,
    seed: int,
    sabotage: Sabotage | None = None,
    stall_probability: float = 0.0,
) -> tuple[RunStatistics, list[LayerRun]]:
    """Statistics of four layers in lock-step, and the runs."""
    model, rng = make_model(TINY, seed=seed), np.random.default_rng(seed)
    statistics, runs = RunStatistics(TINY, LATENCY_CYCLES), []
    settings = RunSettings(channels=ChannelSettings(LATENCY_CYCLES, stall_probability))
    hardware = AcceleratorEngine(model, InterpretedBackend(TINY, sabotage), dispatch, settings)
    reference = IntegerMlpEngine(model, TINY.num_lanes)
    engine = LockstepEngine(reference, hardware, 0, statistics.add)
    engine.reset(NUM_SLOTS, 2)
    for token in range(4):
        engine.run_layer(0, make_request(TINY, rng, DecisionSource.SCORE, NUM_SLOTS, token, 2))
        assert hardware.last_run is not None
        runs.append(hardware.last_run)
    return statistics, runs


@given(st.sampled_from(Dispatch), st.integers(0, 1000))
def test_sums_add_up(dispatch: Dispatch, seed: int) -> None:
    statistics, runs = collect(dispatch, seed)
    totals = statistics.totals
    assert totals["fewest_cycles"] == totals["cycles"] == totals["most_cycles"]
    assert statistics.phase_cycles["stalled"] == 0
    assert totals["runs"] == statistics.layers[0]["runs"] == 4
    assert totals["cycles"] == sum(run.result.cycles for run in runs)
    ran = "static_cycles" if dispatch is Dispatch.STATIC else "drs_cycles"
    assert totals["cycles"] == totals[ran]
    assert totals["computed"] + totals["replayed"] == totals["decisions"] == 4 * NUM_SLOTS
    busy = [sum(core[phase] for phase in statistics.phase_cycles) for core in statistics.cores]
    assert sum(busy) == sum(statistics.phase_cycles.values())
    assert max(busy) <= totals["cycles"]
    assert sum(statistics.compute_cycles.values()) == statistics.phase_cycles["compute"]
    macs = sum(core["mac_busy"] for core in statistics.cores)
    assert macs == sum(statistics.phase_macs.values())
    loads = [Counter(one.core for one in run.result.decisions if one.computes) for run in runs]
    assert totals["rounds"] == sum(max(load.values(), default=0) for load in loads)


def test_stalls_are_added_to_what_the_cycle_model_says() -> None:
    """The second core stalls by 5 cycles more, 3 of which delay the run."""

    def stall(result: RunResult, memory: SharedMemory) -> RunResult:
        first, second = result.counters.cores
        cores = (first, replace(second, read_stall=second.read_stall + 5))
        counters = replace(result.counters, cycles=result.cycles + 3, cores=cores)
        return replace(result, counters=counters)

    plain, _ = collect(Dispatch.DYNAMIC, 0)
    stalled, runs = collect(Dispatch.DYNAMIC, 0, stall, 0.5)
    cycles = plain.totals["cycles"]
    assert stalled.totals["cycles"] == cycles + 3 * len(runs)
    assert stalled.totals["fewest_cycles"] == cycles
    assert stalled.totals["most_cycles"] == cycles + 5 * len(runs)
    assert [core["stalled"] for core in stalled.cores] == [0, 5 * len(runs)]
    assert stalled.phase_cycles["stalled"] == 5 * len(runs)
    assert stalled.totals["drs_cycles"] == cycles


@given(st.lists(st.booleans(), min_size=NUM_SLOTS, max_size=NUM_SLOTS), st.booleans())
def test_spans_of_a_core_follow_each_other_and_cover_its_work(
    computes: list[bool], is_static: bool
) -> None:
    _, runs = collect(Dispatch.DYNAMIC, 0)
    program = set_mapping(runs[0].program, is_static)
    prediction = predict_run(TINY, program, computes, 3)
    spans = list_spans(prediction)
    for core in range(TINY.num_cores):
        own = [span for span in spans if span.core == core]
        for before, after in pairwise(own):
            assert before.last_cycle < after.first_cycle
    covered = sum(span.last_cycle - span.first_cycle + 1 for span in spans)
    worked = sum(
        step.last_cycle - step.first_cycle + 1 for step in prediction.steps if step.core is not None
    )
    assert covered >= worked
    ends = {span.slot: span.last_cycle for span in spans if span.phase != "decide"}
    assert ends == {one.slot: one.end_cycle for one in prediction.retirements}


def test_the_mapping_of_a_program_can_be_changed_and_changed_back() -> None:
    _, runs = collect(Dispatch.DYNAMIC, 0)
    program = runs[0].program
    static = set_mapping(program, is_static=True)
    assert static[0].shift == program[0].shift | 1
    assert static[1:] == program[1:]
    assert set_mapping(static, is_static=False) == program


def test_the_timeline_is_of_the_run_that_drs_shortens_most() -> None:
    statistics, runs = collect(Dispatch.STATIC, 14)
    saved = {}
    for run in runs:
        computes = [record.computes for record in run.result.decisions]
        drs, static = (
            predict_run(TINY, set_mapping(run.program, is_static), computes, LATENCY_CYCLES)
            for is_static in (False, True)
        )
        saved[run.token_index] = static.cycles - drs.cycles
    assert statistics.timeline is not None
    timeline = statistics.timeline
    assert saved[timeline.token_index] == max(saved.values()) > 0
    assert timeline.static_cycles - timeline.drs_cycles == max(saved.values())
