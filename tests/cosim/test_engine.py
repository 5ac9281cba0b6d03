"""The accelerator as engine, on the naive interpreter: equal to the integer reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.backend import RunResult, RunSettings, WatchdogError
from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.engine import AcceleratorEngine, HardwareError
from fastcar.cosim.records import AcceleratorError
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import DecisionSource, MlpResult
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import DEMO, TINY
from fastcar.rtl.instruction import Instruction, Opcode, encode
from fastcar.rtl.instruction_check import ErrorCode
from tests.cosim.interpreted_backend import InterpretedBackend
from tests.cosim.tiny_model import make_model, make_request

TOKENS_PER_FRAME = 2


def check_equal(found: MlpResult, wanted: MlpResult) -> None:
    """Every array of two results."""
    for name in ("residual", "output", "replayed", "scores", "digests"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), name)
        assert getattr(found, name).dtype == getattr(wanted, name).dtype


@given(
    st.sampled_from(DecisionSource),
    st.sampled_from(Dispatch),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(0, 1000),
)
def test_the_engine_does_what_the_reference_does(
    source: DecisionSource, dispatch: Dispatch, num_slots: int, first_token: int, seed: int
) -> None:
    """From any token on, after the caches are handed over."""
    rng = np.random.default_rng(seed)
    model = make_model(TINY, num_layers=2, seed=seed)
    reference = IntegerMlpEngine(model, TINY.num_lanes)
    hardware = AcceleratorEngine(model, InterpretedBackend(TINY), dispatch)
    for engine in (reference, hardware):
        engine.reset(num_slots, TOKENS_PER_FRAME)
    for token_index in range(6):
        for layer_index in range(2):
            request = make_request(TINY, rng, source, num_slots, token_index, TOKENS_PER_FRAME)
            if token_index == first_token and layer_index == 0:
                hardware.load_cache(reference)
            wanted = reference.run_layer(layer_index, request)
            if token_index >= first_token:
                check_equal(hardware.run_layer(layer_index, request), wanted)


def test_reset_forgets_the_cache() -> None:
    model, rng = make_model(TINY), np.random.default_rng(1)
    engine = AcceleratorEngine(model, InterpretedBackend(TINY))
    engine.reset(4, 1)
    computed = make_request(TINY, rng, DecisionSource.SCORE, 4, 0, 1)
    none, everyone = np.zeros(4, bool), np.ones(4, bool)
    first = engine.run_layer(0, replace(computed, is_decided=none, is_computing=everyone))
    replay = replace(computed, is_decided=none, is_computing=none)
    np.testing.assert_array_equal(engine.run_layer(0, replay).output, first.output)
    engine.reset(4, 1)
    again = engine.run_layer(0, replay)
    assert not again.output.any()
    np.testing.assert_array_equal(again.residual, computed.residual)


def test_the_last_run_can_be_looked_at() -> None:
    engine = AcceleratorEngine(make_model(TINY), InterpretedBackend(TINY))
    engine.reset(2, 1)
    rng = np.random.default_rng(0)
    engine.run_layer(0, make_request(TINY, rng, DecisionSource.SCORE, 2, 7, 1))
    run = engine.last_run
    assert run is not None
    assert (run.layer_index, run.token_index) == (0, 7)
    assert [run.program[0].opcode, run.program[-1].opcode] == [Opcode.BEGIN, Opcode.END]
    assert len(run.result.retires) == 2


def test_what_was_given_is_kept_also_where_the_run_breaks_off() -> None:
    is_broken = False

    def hang(result: RunResult, memory: SharedMemory) -> RunResult:
        if is_broken:
            raise WatchdogError(9, 1, 2)
        return result

    backend = InterpretedBackend(TINY, hang)
    engine = AcceleratorEngine(make_model(TINY, num_layers=2), backend)
    engine.reset(4, 1)
    request = make_request(TINY, np.random.default_rng(0), DecisionSource.SCORE, 4, 0, 1)
    engine.run_layer(0, request)
    is_broken = True
    with pytest.raises(WatchdogError):
        engine.run_layer(1, request)
    assert engine.last_start is not None
    assert engine.last_run is not None
    assert (engine.last_start.layer_index, engine.last_run.layer_index) == (1, 0)


def test_every_run_has_stalls_of_its_own() -> None:
    settings = RunSettings(channels=ChannelSettings(2, 0.5, seed=7), gap_probability=0.5, seed=3)
    engine = AcceleratorEngine(make_model(TINY), InterpretedBackend(TINY), settings=settings)
    engine.reset(4, 1)
    seeds = []
    for token in range(3):
        request = make_request(TINY, np.random.default_rng(0), DecisionSource.SCORE, 4, token, 1)
        engine.run_layer(0, request)
        assert engine.last_run is not None
        used = engine.last_run.settings
        seeds.append((used.channels.seed, used.seed))
        same = replace(used, channels=replace(used.channels, seed=7), seed=3)
        assert same == settings
    assert seeds == [(7, 3), (8, 4), (9, 5)]


def test_an_accelerator_of_another_size_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^hidden_size = 128: must be 8, the model's$"):
        AcceleratorEngine(make_model(TINY), InterpretedBackend(DEMO))


def fail(result: RunResult, memory: SharedMemory) -> RunResult:
    error = AcceleratorError(ErrorCode.SLOT, encode(Instruction(Opcode.LOAD, slot=9)))
    return replace(result, error=error)


def lose(result: RunResult, memory: SharedMemory) -> RunResult:
    return replace(result, retires=result.retires[:-1])


def forget(result: RunResult, memory: SharedMemory) -> RunResult:
    return replace(result, decisions=result.decisions[1:])


@pytest.mark.parametrize(
    ("sabotage", "text"),
    [
        (fail, r"^accelerator: error SLOT at LOAD slot=9$"),
        (lose, r"^retire records: of slots \[.*\]: must be one of each of 4 slots$"),
        (forget, r"^decision records: of slots \[1, 2, 3\]: must be one of each of 4 slots$"),
    ],
)
def test_a_run_that_failed_is_refused(sabotage: object, text: str) -> None:
    backend = InterpretedBackend(TINY, sabotage)  # type: ignore[arg-type]
    engine = AcceleratorEngine(make_model(TINY), backend)
    engine.reset(4, 1)
    request = make_request(TINY, np.random.default_rng(0), DecisionSource.SCORE, 4, 0, 1)
    with pytest.raises(HardwareError, match=text):
        engine.run_layer(0, request)
