"""Cycle model: equal to the hardware, in every run and every record, without tolerance."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import count

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from fastcar.cosim.backends.backend import RunResult, RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.cycles.cycle_model import (
    Prediction,
    bound_cycles,
    predict_run,
    predict_sets,
)
from fastcar.cosim.cycles.cycle_recursion import OFFER_CYCLES, Recursion
from fastcar.cosim.engine import AcceleratorEngine
from fastcar.cosim.lockstep import LockstepEngine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import TINY, TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, Predicate, encode
from fastcar.rtl.section_lock import OPEN_CYCLES
from fastcar.strategies import programs
from fastcar.strategies.programs import MEMORY_BEATS
from tests.cosim.tiny_model import make_model, make_request
from tests.examples import examples

CONFIGS = [
    TINY,
    AcceleratorConfig(1, 4, 3, 5, 9, 18, queue_depth=2),
    AcceleratorConfig(3, 8, 7, 16, 8, 8, queue_depth=4),
    AcceleratorConfig(5, 4, 8, 4, 4, 4, queue_depth=2),
]
"""One core and many, shallow queues, one word and many."""

LIMIT_CYCLES = 200_000


@cache
def get_backend(config: AcceleratorConfig) -> NativeBackend:
    """One machine for each size; it runs again and again without reset."""
    return NativeBackend(config)


def make_settings(latency_cycles: int) -> RunSettings:
    return RunSettings(LIMIT_CYCLES, ChannelSettings(latency_cycles))


def check_prediction(prediction: Prediction, result: RunResult) -> None:
    """All that has a cycle, and all counters."""
    assert result.error is None
    assert prediction.cycles == result.cycles
    assert list(prediction.decision_cycles) == [one.cycle for one in result.decisions]
    predicted = [
        (one.slot, one.core, one.start_cycle, one.end_cycle) for one in prediction.retirements
    ]
    found = [(one.slot, one.core, one.start_cycle, one.end_cycle) for one in result.retires]
    assert predicted == found
    assert prediction.counters == result.counters


@pytest.mark.slow
@examples(40)
@given(
    st.sampled_from(CONFIGS),
    st.sampled_from(DecisionSource),
    st.sampled_from(Dispatch),
    st.integers(1, 12),
    st.integers(0, 10_000),
)
def test_layers_take_the_cycles_of_the_formula(
    config: AcceleratorConfig,
    source: DecisionSource,
    dispatch: Dispatch,
    latency_cycles: int,
    seed: int,
) -> None:
    """Compiled layers; the decisions vary from all replay to all compute."""
    rng = np.random.default_rng(seed)
    num_slots = int(rng.integers(1, config.num_slots + 1))
    engine = AcceleratorEngine(
        make_model(config, seed=seed), get_backend(config), dispatch, make_settings(latency_cycles)
    )
    engine.reset(num_slots, 1)
    request = make_request(config, rng, source, num_slots, 0, 1)
    is_computing = rng.random(num_slots) < rng.random()
    engine.run_layer(0, replace(request, is_computing=is_computing))
    run = engine.last_run
    assert run is not None
    computes = [one.computes for one in run.result.decisions]
    check_prediction(predict_run(config, run.program, computes, latency_cycles), run.result)


@pytest.mark.slow
@examples(15)
@given(
    st.sampled_from(CONFIGS),
    st.sampled_from(DecisionSource),
    st.sampled_from([0.02, 0.2, 0.6]),
    st.integers(0, 10_000),
)
def test_stalls_take_no_more_cycles_than_there_are(
    config: AcceleratorConfig, source: DecisionSource, probability: float, seed: int
) -> None:
    """Both bounds, and with random stalls the results do not change: lock-step compares them."""
    rng = np.random.default_rng(seed)
    model = make_model(config, seed=seed)
    stalling = RunSettings(LIMIT_CYCLES, ChannelSettings(2, probability, seed))
    hardware = AcceleratorEngine(model, get_backend(config), settings=stalling)
    engine = LockstepEngine(IntegerMlpEngine(model, config.num_lanes), hardware)
    engine.reset(config.num_slots, 1)
    for token_index in range(2):
        engine.run_layer(0, make_request(config, rng, source, config.num_slots, token_index, 1))
        run = hardware.last_run
        assert run is not None
        computes = [one.computes for one in run.result.decisions]
        prediction = predict_run(config, run.program, computes, 2)
        fewest, most = bound_cycles(prediction, run.result.counters)
        assert fewest <= run.result.cycles <= most
        event(f"more cycles: {run.result.cycles > fewest}")


def check_program(
    config: AcceleratorConfig, program: list[Instruction], latency: int
) -> Prediction:
    memory = SharedMemory(MEMORY_BEATS, config.beat_bytes)
    rng = np.random.default_rng(len(program))
    memory.beats[:] = rng.integers(0, 256, memory.beats.shape)
    words = [encode(one) for one in program]
    result = get_backend(config).run(words, memory, make_settings(latency))
    computes = {one.slot: one.computes for one in result.decisions}
    flags = [computes.get(slot, False) for slot in range(config.num_slots)]
    prediction = predict_run(config, program, flags, latency)
    check_prediction(prediction, result)
    return prediction


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS)
@examples(60)
@given(data=st.data())
def test_no_legal_program_is_a_counterexample(
    config: AcceleratorConfig, data: st.DataObject
) -> None:
    prediction = check_program(config, data.draw(programs(config)), data.draw(st.integers(1, 9)))
    for name in ("wait_queue", "wait_decision", "dropped"):
        event(f"{name}: {getattr(prediction.counters, name) > 0}")
    waits = [one.taken_cycle > one.end_cycle + 1 for one in prediction.retirements]
    event(f"records that waited for others: {any(waits)}")


def test_records_of_many_cores_wait_for_each_other_and_delay_the_next() -> None:
    """Five cores finish together, again and again, each with instructions of two cycles."""
    config = CONFIGS[3]
    adds = [
        Instruction(Opcode.ADD, slot=slot, rows=1, is_last=1) for _ in range(4) for slot in range(5)
    ]
    loads = [Instruction(Opcode.LOAD, slot=slot, rows=1) for slot in reversed(range(5))]
    program = [Instruction(Opcode.BEGIN, rows=5), *loads, *adds, Instruction(Opcode.END)]
    prediction = check_program(config, program, latency=3)
    waits = [one.taken_cycle - one.end_cycle - 1 for one in prediction.retirements]
    assert max(waits) >= 2
    assert len({one.taken_cycle for one in prediction.retirements}) == len(prediction.retirements)


def test_a_decision_is_followed_by_its_dispatch_after_three_cycles() -> None:
    """Arrives in t, is committed in t + 2, read in t + 3, runs in t + 7; one slot in a cycle."""
    program = [Instruction(Opcode.BEGIN, rows=2)]
    program += [Instruction(Opcode.DECIDE, slot=slot, rows=1) for slot in range(2)]
    program += [
        Instruction(Opcode.ADD, Predicate.IF_COMPUTE, slot, rows=1, is_last=1) for slot in range(2)
    ]
    prediction = predict_run(TINY, [*program, Instruction(Opcode.END)], [True, True], 1)
    assert prediction.decision_cycles == (4, 5)
    assert [step.pass_cycle for step in prediction.steps] == [0, 2, 3, 5, 6, 17]
    assert [step.first_cycle for step in prediction.steps[3:5]] == [9, 10]
    assert prediction.cycles == 18


@pytest.mark.parametrize("config", CONFIGS[:2])
def test_layers_of_one_run_take_the_cycles_of_the_formula(config: AcceleratorConfig) -> None:
    """Three programs of layers as one, each with its own decisions and mapping."""
    rng, backend, size = np.random.default_rng(5), get_backend(config), config.num_slots
    engine = AcceleratorEngine(make_model(config), backend)
    engine.reset(size, 1)
    program: list[Instruction] = []
    for source, dispatch in (
        (DecisionSource.SCORE, Dispatch.DYNAMIC),
        (DecisionSource.DISTANCE, Dispatch.DYNAMIC),
        (DecisionSource.SCORE, Dispatch.STATIC),
    ):
        request = make_request(config, rng, source, size, 0, 1)
        if not program:  # one slot computes: the pointer stands at the second core behind it
            first = np.arange(size) == 0
            request = replace(request, is_decided=np.zeros(size, bool), is_computing=first)
        engine.image.write_request(request)
        engine.dispatch = dispatch
        program = [*program[:-1], *engine.compile(0, request)]
    words = [encode(one) for one in program]
    result = backend.run(words, engine.image.memory, make_settings(3))
    computes = [one.computes for one in result.decisions]
    sets = [computes[start : start + size] for start in range(0, 3 * size, size)]
    assert sum(sets[0]) == 1
    check_prediction(predict_sets(config, program, sets, 3), result)


def test_next_section_of_a_slot_waits_for_the_one_before() -> None:
    """Slots 1 and 2 wait for nobody, and neither does what is excluded."""
    program = [Instruction(Opcode.BEGIN, rows=3), Instruction(Opcode.DECIDE, slot=0, rows=1)]
    program += [Instruction(Opcode.ADD, slot=slot, rows=1, is_last=1) for slot in (0, 2, 1)]
    program += [Instruction(Opcode.ADD, Predicate.IF_REPLAY, slot=0, rows=1, is_last=1)]
    program += [Instruction(Opcode.ADD, slot=0, rows=1, is_last=1), Instruction(Opcode.END)]
    plain, attentive = (
        predict_run(config, program, [True, True, True], 1) for config in (TINY, TINY_DECODER)
    )
    assert [one.pass_cycle for one in plain.steps[:-1]] == [0, 2, 3, 4, 5, 6, 7]
    assert plain.counters.wait_decision == 0
    end = attentive.steps[2].last_cycle
    waited = end + OFFER_CYCLES + OPEN_CYCLES
    assert [one.pass_cycle for one in attentive.steps[:-1]] == [0, 2, 3, 4, 5, 6, waited]
    assert attentive.counters.wait_decision == waited - 7
    assert attentive.counters.dropped == 1


def test_more_latency_never_makes_a_run_shorter() -> None:
    """A contract without the hardware."""
    engine = AcceleratorEngine(make_model(TINY), get_backend(TINY))
    engine.reset(4, 1)
    rng = np.random.default_rng(3)
    request = make_request(TINY, rng, DecisionSource.SCORE, 4, 0, 1)
    program = engine.compile(0, replace(request, is_decided=np.ones(4, bool)))
    for flags in np.ndindex(2, 2, 2, 2):
        computes = [bool(flag) for flag in flags]
        cycles = [predict_run(TINY, program, computes, latency).cycles for latency in (1, 2, 9)]
        assert cycles == sorted(cycles)
        assert cycles[0] < cycles[2]


def test_refusals() -> None:
    begin, end = Instruction(Opcode.BEGIN, rows=2), Instruction(Opcode.END)
    waiting = Instruction(Opcode.ADD, Predicate.IF_COMPUTE, slot=1, rows=1)
    with pytest.raises(ArgumentError, match=r"^program = .*: must be one BEGIN, one END, one set"):
        predict_run(TINY, [begin], [True], 1)
    with pytest.raises(ArgumentError, match=r"^program = .*: must be one BEGIN, one END, one set"):
        predict_run(TINY, [begin, begin, end], [True], 1)
    with pytest.raises(ArgumentError, match=r"^number of BEGIN = 2: must be at most 1, one for"):
        predict_sets(TINY, [begin, begin, end], [[True]], 1)
    with pytest.raises(ArgumentError, match=r"^program = .*: must be one END, at its end$"):
        predict_sets(TINY, [begin, end, begin, end], [[True], [True]], 1)
    with pytest.raises(ArgumentError, match=r"^latency_cycles = 0: must be at least 1$"):
        predict_run(TINY, [begin, end], [True], 0)
    with pytest.raises(ArgumentError, match=r"^program = 1: must be one that decides a slot be"):
        predict_run(TINY, [begin, waiting, end], [True, True], 1)


def test_passes_that_never_settle_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = count()
    monkeypatch.setattr(Recursion, "arbitrate", lambda recursion: [[next(passes) % 2], []])
    program = [Instruction(Opcode.BEGIN, rows=1), Instruction(Opcode.END)]
    with pytest.raises(RuntimeError, match=r"^cycle model: not settled in pass 3$"):
        predict_run(TINY, program, [], 1)
