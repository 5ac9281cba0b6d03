"""Whole programs on the hardware: results equal the integer reference to the last bit.

Most run on machine code; that PyRTL's simulators give the same is tested for every size, for
memory errors and for runs that follow one another.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastcar.cosim.backends.backend import Backend, RunResult, RunSettings, WatchdogError
from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend, Simulator
from fastcar.cosim.records import AcceleratorError
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, Predicate, decode
from fastcar.rtl.instruction_check import ErrorCode
from tests.cosim.interpreter import Interpreted, Interpreter
from tests.cosim.programs import Choice, Program, Source, make_program
from tests.examples import examples

Beats = NDArray[np.uint8]

LIMIT_CYCLES = 30_000
THREE_CORES = AcceleratorConfig(3, 4, 5, 8, 12, 8, queue_depth=4)
ODD_SIZES = AcceleratorConfig(1, 4, 2, 5, 9, 17, queue_depth=2)
CONFIGS = [ODD_SIZES, TINY, THREE_CORES]

COMPUTE_ALL = Choice(4, Source.DIRECT, False, 1, 0, (True,) * 4)


@cache
def get_backend(config: AcceleratorConfig) -> NativeBackend:
    """One machine for each size, never reset between examples: runs follow one another."""
    return NativeBackend(config)


@cache
def build_pyrtl_backend(config: AcceleratorConfig) -> PyrtlBackend:
    return PyrtlBackend(config)


def get_both(config: AcceleratorConfig) -> tuple[Backend, Backend]:
    """Machine code and PyRTL's FastSimulation, both after a reset."""
    both = get_backend(config), build_pyrtl_backend(config)
    for backend in both:
        backend.reset()
    return both


def interpret(config: AcceleratorConfig, program: Program) -> tuple[Interpreted, Beats]:
    """What the program does, and the memory it leaves."""
    beats = np.array(program.beats)
    return Interpreter(config, beats).run(program.words), beats


def check_run(
    backend: Backend, program: Program, run_settings: RunSettings | None = None
) -> RunResult:
    """Run a program and compare everything with the interpreter."""
    config = backend.config
    memory = program.make_memory()
    result = backend.run(program.words, memory, run_settings or RunSettings(LIMIT_CYCLES))
    expected, beats = interpret(config, program)
    assert result.error is None
    assert np.array_equal(memory.beats, beats)
    decided = {one.slot: one for one in result.decisions}
    assert {slot: one.computes for slot, one in decided.items()} == expected.computes
    for slot, one in decided.items():
        assert one.score == expected.scores.get(slot, 0)
        assert one.core == expected.mapping.get(slot, slot % config.num_cores)
    assert {one.slot: one.digest for one in result.retires} == expected.digests
    assert sorted(one.slot for one in result.retires) == sorted(expected.retired)
    assert all(one.core == decided[one.slot].core for one in result.retires)
    assert all(one.start_cycle < one.end_cycle <= result.cycles for one in result.retires)
    assert result.counters.dropped == expected.dropped
    return result


@st.composite
def choices(draw: st.DrawFn, num_slots: int) -> Choice:
    size = draw(st.integers(1, num_slots))
    return Choice(
        num_slots=size,
        source=draw(st.sampled_from(Source)),
        is_static=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32)),
        threshold_rank=draw(st.integers(-1, size)),
        flags=tuple(draw(st.lists(st.booleans(), min_size=size, max_size=size))),
    )


@st.composite
def channel_settings(draw: st.DrawFn) -> ChannelSettings:
    return ChannelSettings(
        latency_cycles=draw(st.integers(1, 20)),
        stall_probability=draw(st.sampled_from([0.0, 0.1, 0.5, 0.8])),
        seed=draw(st.integers(0, 2**16)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS)
@examples(6)
@given(data=st.data())
def test_a_program_is_exact_whatever_stalls(config: AcceleratorConfig, data: st.DataObject) -> None:
    program = make_program(config, data.draw(choices(config.num_slots)))
    run_settings = RunSettings(
        LIMIT_CYCLES,
        data.draw(channel_settings()),
        gap_probability=data.draw(st.sampled_from([0.0, 0.3])),
    )
    check_run(get_backend(config), program, run_settings)


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("is_static", [False, True])
def test_every_source_and_mapping_computes_and_replays(source: Source, is_static: bool) -> None:
    choice = Choice(5, source, is_static, 3, 2, (True, False, True, True, False))
    result = check_run(get_backend(THREE_CORES), make_program(THREE_CORES, choice))
    assert {one.computes for one in result.decisions} == {False, True}
    assert len({one.core for one in result.decisions}) > 1


def test_stalls_change_cycles_and_nothing_else() -> None:
    backend, program = get_backend(TINY), make_program(TINY, COMPUTE_ALL)
    smooth = check_run(backend, program)
    stalled = check_run(
        backend, program, RunSettings(LIMIT_CYCLES, ChannelSettings(1, stall_probability=0.4))
    )
    assert smooth.cycles < stalled.cycles < 5 * smooth.cycles
    assert smooth.traffic == stalled.traffic
    assert smooth.registers == stalled.registers
    assert [core.mac_busy for core in smooth.counters.cores] == [
        core.mac_busy for core in stalled.counters.cores
    ]


@pytest.mark.parametrize("config", CONFIGS)
def test_the_simulator_of_pyrtl_gives_the_same(config: AcceleratorConfig) -> None:
    """Records, counters, registers, traffic and steps, with stalls and gaps."""
    size = config.num_slots
    program = make_program(config, Choice(size, Source.SCORE, False, 3, size // 2, ()))
    channels = ChannelSettings(2, stall_probability=0.2, seed=1)
    run_settings = RunSettings(LIMIT_CYCLES, channels, gap_probability=0.3, seed=2)
    native, fast = (check_run(backend, program, run_settings) for backend in get_both(config))
    assert native == fast
    assert {one.computes for one in fast.decisions} == {False, True}


def test_runs_follow_one_another_without_reset() -> None:
    computing = make_program(TINY, COMPUTE_ALL)
    other = make_program(TINY, Choice(3, Source.DISTANCE, True, 9, 1, ()))
    found = []
    for backend in get_both(TINY):
        first = check_run(backend, computing)
        middle = check_run(backend, other)
        again = check_run(backend, computing)
        # Only the mapping registers of slots that replay may tell of the run before.
        assert replace(again, num_steps=first.num_steps) == first
        found.append((first, middle, again))
    assert found[0] == found[1]


@pytest.mark.slow
@examples(8)
@given(st.integers(1, 400), st.sampled_from([0.0, 0.5]))
def test_reset_in_mid_run_recovers_completely(reset_cycle: int, stall_probability: float) -> None:
    backend, program = get_backend(TINY), make_program(TINY, COMPUTE_ALL)
    channels = ChannelSettings(3, stall_probability, seed=reset_cycle)
    with pytest.raises(WatchdogError, match=rf"^limit_cycles = {reset_cycle}: run is not done"):
        backend.run(program.words, program.make_memory(), RunSettings(reset_cycle, channels))
    backend.reset()
    assert replace(check_run(backend, program), num_steps=0) == get_undisturbed()


@cache
def get_undisturbed() -> RunResult:
    """The run of a fresh machine."""
    return replace(check_run(NativeBackend(TINY), make_program(TINY, COMPUTE_ALL)), num_steps=0)


def list_read(instruction: Instruction) -> range:
    """Addresses that an instruction reads."""
    beats = {Opcode.LOAD: 2 * instruction.rows}
    product = instruction.rows * TINY.num_lanes * instruction.columns
    beats |= {Opcode.GEMV: product, Opcode.GEMV_SILU: product}
    num_beats = beats.get(Opcode(instruction.opcode), 0)
    return range(instruction.address, instruction.address + num_beats)


def list_written(instruction: Instruction) -> range:
    """Addresses that an instruction writes."""
    num_beats = 2 * instruction.rows if instruction.opcode == Opcode.STORE else 0
    return range(instruction.address, instruction.address + num_beats)


@pytest.mark.slow
@examples(8)
@given(st.data(), st.booleans(), st.sampled_from([0.0, 0.5]))
def test_a_memory_error_names_an_instruction_that_met_it(
    data: st.DataObject, is_write: bool, stall_probability: float
) -> None:
    backend = get_backend(TINY)
    program = make_program(TINY, replace(COMPUTE_ALL, flags=(True, False, True, False)))
    list_addresses = list_written if is_write else list_read
    running = [one for one in program.instructions if is_running(one)]
    touched = sorted({address for one in running for address in list_addresses(one)})
    address = data.draw(st.sampled_from(touched))
    channels = ChannelSettings(
        data.draw(st.integers(1, 9)),
        stall_probability,
        read_errors=frozenset(() if is_write else {address}),
        write_errors=frozenset({address} if is_write else ()),
    )
    memory = program.make_memory()
    result = backend.run(program.words, memory, RunSettings(LIMIT_CYCLES, channels))
    assert result.error is not None
    code = ErrorCode.MEMORY_WRITE if is_write else ErrorCode.MEMORY_READ
    assert result.error.code is code
    assert address in list_addresses(decode(result.error.instruction))
    if is_write:
        assert memory.beats[address].tolist() == program.beats[address].tolist()
    backend.reset()
    assert replace(check_run(backend, make_program(TINY, COMPUTE_ALL)), num_steps=0) == (
        get_undisturbed()
    )


@pytest.mark.parametrize("is_write", [False, True])
def test_the_simulator_of_pyrtl_meets_the_same_memory_error(is_write: bool) -> None:
    program = make_program(TINY, COMPUTE_ALL)
    list_addresses = list_written if is_write else list_read
    touched = [address for one in program.instructions for address in list_addresses(one)]
    error = frozenset({touched[len(touched) // 2]})
    channels = ChannelSettings(read_errors=error, write_errors=error)
    found = []
    for backend in get_both(TINY):
        memory = program.make_memory()
        result = backend.run(program.words, memory, RunSettings(LIMIT_CYCLES, channels))
        found.append((result, memory.beats.tolist()))
        backend.reset()
    assert found[0] == found[1]
    result, _ = found[0]
    assert result.error is not None
    assert result.error.code is (ErrorCode.MEMORY_WRITE if is_write else ErrorCode.MEMORY_READ)


def is_running(instruction: Instruction) -> bool:
    """Whether slots 0 and 2 compute and 1 and 3 replay lets an instruction run."""
    wanted = {Predicate.IF_COMPUTE: (0, 2), Predicate.IF_REPLAY: (1, 3)}
    slots = wanted.get(Predicate(instruction.predicate), range(4))
    return instruction.slot in slots


@examples(20)
@given(st.data(), st.integers(0, 127))
def test_a_flipped_bit_ends_the_run_in_any_case(data: st.DataObject, bit: int) -> None:
    backend = get_backend(TINY)
    program = make_program(TINY, replace(COMPUTE_ALL, flags=(True, False, True, False)))
    words = program.words
    place = data.draw(st.integers(0, len(words) - 1))
    words[place] ^= 1 << bit
    result = backend.run(words, program.make_memory(), RunSettings(LIMIT_CYCLES))
    if result.error is not None:
        assert result.error.instruction in words
        backend.reset()


def test_an_access_behind_the_memory_is_an_error() -> None:
    backend = get_backend(TINY)
    program = make_program(TINY, COMPUTE_ALL)
    load = next(one for one in program.instructions if one.opcode == Opcode.LOAD)
    place = program.instructions.index(load)
    program.instructions[place] = replace(load, address=0xFFFFFFFF)
    result = backend.run(program.words, program.make_memory(), RunSettings(LIMIT_CYCLES))
    assert result.error is not None
    assert result.error == AcceleratorError(ErrorCode.MEMORY_READ, program.words[place])
    backend.reset()


def test_nothing_to_run_is_refused() -> None:
    for backend in get_both(TINY):
        with pytest.raises(
            ArgumentError, match=r"^program = \[\]: must be at least one instruction$"
        ):
            backend.run([], SharedMemory(1, 4))


@pytest.mark.slow
def test_both_simulators_agree() -> None:
    compiled = PyrtlBackend(TINY, Simulator.COMPILED)
    _, fast = get_both(TINY)  # reset: registers of the last run would stay where this writes none
    for seed, source in enumerate(Source):
        choice = Choice(4, source, False, seed, 1, (False, True, True, False))
        program = make_program(TINY, choice)
        run_settings = RunSettings(LIMIT_CYCLES, ChannelSettings(2, 0.3, seed))
        result = check_run(compiled, program, run_settings)
        expected = check_run(fast, program, run_settings)
        assert replace(result, num_steps=0) == replace(expected, num_steps=0)
