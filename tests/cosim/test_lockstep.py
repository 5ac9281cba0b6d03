"""Lock-step: equal runs pass, and every kind of difference is found and told with its place."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from fastcar.cosim.backends.backend import RunResult, RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.cycles.cycle_model import Prediction
from fastcar.cosim.engine import AcceleratorEngine, LayerRun
from fastcar.cosim.lockstep import LockstepEngine, LockstepError
from fastcar.cosim.program.memory_map import CachePart, MemoryMap, SlotPart
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.generate import DecodeOptions, Prompts, generate
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.pick_engine import PickEngine
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.thresholds import FixedThresholds
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.strategies import make_config, make_run
from tests.cosim.interpreted_backend import (
    InterpretedBackend,
    Sabotage,
    change_decision,
    change_retire,
)
from tests.cosim.tiny_model import make_model, make_request
from tests.reference.integer.whole.runs import quantize_whole_run

NUM_SLOTS = 4
TOKENS_PER_FRAME = 2


def make_engine(
    sabotage: Sabotage | None = None,
    first_token: int = 0,
    stall_probability: float = 0.0,
    runs: list[tuple[LayerRun, Prediction]] | None = None,
) -> LockstepEngine:
    """Reference and interpreter, one layer of a tiny model."""
    model = make_model(TINY)
    settings = RunSettings(channels=ChannelSettings(3, stall_probability))
    hardware = AcceleratorEngine(model, InterpretedBackend(TINY, sabotage), settings=settings)

    def keep(run: LayerRun, prediction: Prediction) -> None:
        if runs is not None:
            runs.append((run, prediction))

    engine = LockstepEngine(IntegerMlpEngine(model, TINY.num_lanes), hardware, first_token, keep)
    engine.reset(NUM_SLOTS, TOKENS_PER_FRAME)
    return engine


def run_tokens(engine: LockstepEngine, num_tokens: int = 3) -> None:
    rng = np.random.default_rng(5)
    for token in range(num_tokens):
        engine.run_layer(
            0, make_request(TINY, rng, DecisionSource.SCORE, NUM_SLOTS, token, TOKENS_PER_FRAME)
        )


def test_equal_runs_pass_and_are_counted() -> None:
    runs: list[tuple[LayerRun, Prediction]] = []
    engine = make_engine(runs=runs)
    run_tokens(engine)
    assert engine.num_records == 3 * 2 * NUM_SLOTS
    assert [run.token_index for run, _ in runs] == [0, 1, 2]
    assert all(run.result.cycles == prediction.cycles for run, prediction in runs)


def test_the_hardware_begins_at_the_first_token_with_the_caches_of_the_reference() -> None:
    runs: list[tuple[LayerRun, Prediction]] = []
    engine = make_engine(first_token=6, runs=runs)
    run_tokens(engine, 8)
    assert [run.token_index for run, _ in runs] == [6, 7]


def test_without_a_cache_handed_over_the_first_replay_differs() -> None:
    engine = make_engine(first_token=6)
    engine.hardware.load_cache = lambda reference: None  # type: ignore[method-assign]
    with pytest.raises(
        LockstepError, match=r"^layer 0, token [67], slot \d, cycle \d+: retire dig"
    ):
        run_tokens(engine, 8)


def change_number(memory: SharedMemory, address: int, change: int) -> None:
    """The first number of a beat, by a little."""
    memory.beats[address].view("<i2")[0] += change


MAP = MemoryMap(TINY, 1, NUM_SLOTS, TOKENS_PER_FRAME)
OUTPUT_3 = MAP.locate_cache(0, 0, 3, CachePart.OUTPUT)
RESIDUAL_2 = MAP.locate_activation(2, SlotPart.RESIDUAL)


def spoil_output(result: RunResult, memory: SharedMemory) -> RunResult:
    change_number(memory, OUTPUT_3, 1)
    return result


def spoil_residual(result: RunResult, memory: SharedMemory) -> RunResult:
    change_number(memory, RESIDUAL_2 + 1, -1)
    return result


def count_one_more(result: RunResult, memory: SharedMemory) -> RunResult:
    return replace(result, counters=replace(result.counters, cycles=result.cycles + 1))


def count_core_less(result: RunResult, memory: SharedMemory) -> RunResult:
    first, second = result.counters.cores
    cores = (first, replace(second, mac_busy=second.mac_busy - 1))
    return replace(result, counters=replace(result.counters, cores=cores))


AT = r"^layer 0, token 0, slot"
SABOTAGES: list[tuple[Sabotage, str]] = [
    (
        lambda r, m: change_decision(r, 1, score=r.decisions[1].score + 1),
        rf"{AT} 1, cycle \d+: dec",
    ),
    (
        lambda r, m: change_decision(r, 1, computes=not r.decisions[1].computes),
        rf"{AT} 1, cycle \d+: decision computes is (True|False) in hardware, (True|False) in the",
    ),
    (lambda r, m: change_decision(r, 2, core=1 - r.decisions[2].core), rf"{AT} 2, .*decision core"),
    (lambda r, m: change_decision(r, 0, order=5), rf"{AT} 0, .*decision order is 5 .*, 0 in the"),
    (
        lambda r, m: change_decision(r, 3, cycle=9999),
        rf"{AT} 3, cycle 9999: decision cycle is 9999 in hardware, \d+ in the reference$",
    ),
    (lambda r, m: change_retire(r, 3, order=7), rf"{AT} \d, .*retire order is 7 .*, 3 in the"),
    (lambda r, m: change_retire(r, 0, core=1 - r.retires[0].core), rf"{AT} \d, .*retire core"),
    (lambda r, m: change_retire(r, 1, start_cycle=0), rf"{AT} \d, .*retire start_cycle is 0 in"),
    (lambda r, m: change_retire(r, 1, end_cycle=1), rf"{AT} \d, cycle 1: retire end_cycle is 1 in"),
    (lambda r, m: change_retire(r, 2, digest=0), rf"{AT} \d, .*retire digest is 0 in"),
    (spoil_output, rf"{AT} 3: output\[0\] is -?\d+ in hardware, -?\d+ in the reference$"),
    (spoil_residual, rf"{AT} 2: residual\[2\] is"),
    (count_one_more, r"^layer 0, token 0: counter cycles is \d+ in hardware, \d+ in the"),
    (count_core_less, r"^layer 0, token 0: counter mac_busy of core 1 is"),
]


@pytest.mark.parametrize(("sabotage", "text"), SABOTAGES)
def test_every_difference_is_found_and_told(sabotage: Sabotage, text: str) -> None:
    with pytest.raises(LockstepError, match=text) as caught:
        run_tokens(make_engine(sabotage))
    assert "\n" not in str(caught.value)
    assert caught.value.run.token_index == 0


def swap_retires(result: RunResult, memory: SharedMemory) -> RunResult:
    first, second, *others = result.retires
    swapped = replace(second, order=0), replace(first, order=1), *others
    return replace(result, retires=swapped)


def test_the_order_of_retirements_is_compared() -> None:
    with pytest.raises(LockstepError, match=r"retire slot is \d in hardware"):
        run_tokens(make_engine(swap_retires))


def test_where_memory_stalls_cycles_of_records_are_not_compared_but_data_are() -> None:
    run_tokens(make_engine(lambda r, m: change_decision(r, 3, cycle=9999), stall_probability=0.5))
    run_tokens(make_engine(swap_retires, stall_probability=0.5))
    for sabotage in (spoil_output, lambda r, m: change_retire(r, 2, digest=0), count_core_less):
        with pytest.raises(LockstepError):
            run_tokens(make_engine(sabotage, stall_probability=0.5))


@pytest.mark.parametrize("change", [-1, 1])
def test_where_memory_stalls_cycles_stay_within_their_bounds(change: int) -> None:
    def count_wrong(result: RunResult, memory: SharedMemory) -> RunResult:
        counters = replace(result.counters, cycles=result.cycles + change)
        return replace(result, counters=counters)

    with pytest.raises(
        LockstepError, match=r"^layer 0, token 0: counter cycles is \d+ in hardware"
    ):
        run_tokens(make_engine(count_wrong, stall_probability=0.5))


@pytest.mark.parametrize("name", ["tas", "input"])
def test_the_whole_decoder_closes_its_loop_over_the_hardware(name: str) -> None:
    run = make_run(4, make_config("grouped-query"), frames=4)
    model = quantize_whole_run(run)
    config = AcceleratorConfig(2, 4, 4, hidden_size=12, intermediate_size=20, query_size=16)
    hardware = AcceleratorEngine(model.mlp, InterpretedBackend(config))
    lockstep = LockstepEngine(IntegerMlpEngine(model.mlp, config.num_lanes), hardware)
    results = []
    for engine in (None, lockstep):
        gate = make_threshold_gate(name, FixedThresholds([{"tas": 0.0, "input": 4.0}[name]] * 2))
        options = DecodeOptions(ReplayConfig(3), gate, engine=PickEngine(model.head.scale))
        results.append(
            generate(
                run.config,
                run.weights,
                Prompts(run.prompt_ids, run.prompt_ids),
                options,
                num_frames=4,
                num_codes=11,
                sampling=Sampling(0.7),
                make_decoder=partial(WholeDecoder, model=model, engine=engine, num_lanes=4),
            )
        )
    assert np.array_equal(results[0].token_ids, results[1].token_ids)
    assert np.array_equal(results[0].record.replayed, results[1].record.replayed)
    assert 0.1 < results[1].record.replay_ratio < 0.9
    assert lockstep.num_records == 2 * 2 * run.rows * 11
