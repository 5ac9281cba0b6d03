"""Compiled back ends equal PyRTL's simulator: every port, in every cycle, whatever happens."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.backend import Backend, RunSettings, WatchdogError
from fastcar.cosim.backends.memory_model import ChannelError, ChannelSettings, SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend
from fastcar.cosim.backends.verilator_backend import VerilatorBackend
from fastcar.cosim.records import GetPort, RecordError
from fastcar.cosim.verilog.verilog import export_verilog
from fastcar.cosim.wave.recording import Recorder, Recording
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.rtl.assertions import ProtocolError
from fastcar.rtl.config import DEMO, TINY, AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, encode
from fastcar.rtl.instruction_check import ErrorCode
from tests.cosim.programs import Choice, Program, Source, make_program
from tests.cosim.puppet import CLAIM, CoreMove, Move, encode_moves, make_puppet
from tests.examples import examples
from tests.simulators import needs_verilator

pytestmark = pytest.mark.slow
every_kind = pytest.mark.parametrize(
    "kind", ["native", pytest.param("verilator", marks=needs_verilator)]
)

STALLED = RunSettings(
    gap_probability=0.3,
    seed=5,
    channels=ChannelSettings(latency_cycles=7, stall_probability=0.3, seed=9),
)
COMPUTE_ALL = Choice(4, Source.DIRECT, False, 1, 0, (True,) * 4)


@cache
def make_backend(kind: str) -> Backend:
    """Of the tiny accelerator; Verilator's registers begin at random."""
    if kind == "verilator":
        return VerilatorBackend(TINY, power_up_seed=7)
    return NativeBackend(TINY) if kind == "native" else PyrtlBackend(TINY)


def get_backend(kind: str) -> Backend:
    """Built once; the reset forgets the mapping of the run before."""
    backend = make_backend(kind)
    backend.reset()
    return backend


@cache
def get_puppets(kind: str) -> tuple[Backend, Backend]:
    expected = PyrtlBackend(TINY, block=make_puppet())
    if kind == "verilator":
        return expected, VerilatorBackend(TINY, export_verilog(TINY, make_puppet()))
    return expected, NativeBackend(TINY, make_puppet())


@cache
def get_program(choice: Choice) -> Program:
    return make_program(TINY, choice)


def observe(
    backend: Backend,
    words: list[int],
    memory: SharedMemory,
    run_settings: RunSettings,
    is_short: bool = False,
) -> object:
    """What a run gives: its result and the memory, or how it was refused.

    Verilator says which rule was broken, but not by what.
    """
    try:
        return backend.run(words, memory, run_settings), memory.beats.tobytes()
    except ChannelError as error:
        text = str(error).split(":")[0] if is_short else str(error)
        return text, error.rule, memory.beats.tobytes()
    except FastCarError as error:
        return type(error), str(error)


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    size = draw(st.integers(1, TINY.num_slots))
    return Choice(
        num_slots=size,
        source=draw(st.sampled_from(Source)),
        is_static=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32)),
        threshold_rank=draw(st.integers(-1, size)),
        flags=tuple(draw(st.lists(st.booleans(), min_size=size, max_size=size))),
    )


@st.composite
def run_settings(draw: st.DrawFn) -> RunSettings:
    addresses = st.frozensets(st.integers(0, 300), max_size=1)
    return RunSettings(
        limit_cycles=draw(st.sampled_from([20_000, 20_000, 100])),
        channels=ChannelSettings(
            latency_cycles=draw(st.integers(1, 9)),
            stall_probability=draw(st.sampled_from([0.0, 0.2, 0.4])),
            seed=draw(st.integers(0, 2**16)),
            read_errors=draw(addresses),
            write_errors=draw(addresses),
        ),
        gap_probability=draw(st.sampled_from([0.0, 0.4])),
        seed=draw(st.integers(0, 2**16)),
    )


@every_kind
@examples(8)
@given(choice=choices(), given_settings=run_settings())
def test_both_back_ends_give_the_same(
    kind: str, choice: Choice, given_settings: RunSettings
) -> None:
    """Records, counters, registers, traffic, errors, refusals and memory."""
    program = make_program(TINY, choice)
    memory = program.make_memory()
    found = observe(get_backend(kind), program.words, memory, given_settings)
    assert found == observe_specification(choice, given_settings)


@cache
def observe_specification(choice: Choice, given_settings: RunSettings) -> object:
    """In PyRTL's FastSimulation, which is slow: once for both kinds."""
    program = make_program(TINY, choice)
    return observe(get_backend("pyrtl"), program.words, program.make_memory(), given_settings)


@cache
def list_outputs() -> list[str]:
    return [port.name for port in export_verilog(TINY).ports if not port.is_input]


@cache
def watch_ports(kind: str, given_settings: RunSettings) -> list[list[int]]:
    """All outputs in every cycle of a run; of the specification once for both kinds."""
    program = get_program(Choice(4, Source.SCORE, False, 3, 2, (True,) * 4))
    seen: list[list[int]] = []
    names = list_outputs()

    def record(get: GetPort) -> None:
        seen.append([get(name) for name in names])

    kinds = {"pyrtl": PyrtlBackend, "native": NativeBackend, "verilator": VerilatorBackend}
    backend: Backend = kinds[kind](TINY, observer=record)
    result = backend.run(program.words, program.make_memory(), given_settings)
    assert len(seen) == result.num_steps
    return seen


@every_kind
@pytest.mark.parametrize("given_settings", [RunSettings(), STALLED])
def test_every_port_is_equal_in_every_cycle(kind: str, given_settings: RunSettings) -> None:
    specified, seen = (watch_ports(one, given_settings) for one in ("pyrtl", kind))
    assert len(specified) == len(seen) > 200
    names = list_outputs()
    for expected, found in zip(specified, seen, strict=True):
        assert dict(zip(names, found, strict=True)) == dict(zip(names, expected, strict=True))


def record(
    backend: Backend, words: list[int], memory: SharedMemory, run_settings: RunSettings
) -> Recording:
    """What a back end did, also in a run that it refused."""
    recorder = Recorder()
    with suppress(FastCarError):
        backend.run(words, memory, run_settings, recorder)
    assert recorder.recording is not None
    return recorder.recording


def list_differences(found: Recording, expected: Recording) -> set[str]:
    """Signals of the first that are not in the second as they are there, step by step."""
    assert found.steps == expected.steps
    differing = set()
    for signal in found.signals:
        twin = expected.find(signal.name)
        assert signal.num_bits == twin.num_bits
        first, second = (
            recording.take(recording.steps)[:, one.place : one.place + one.num_words]
            for recording, one in ((found, signal), (expected, twin))
        )
        if (first != second).any():
            differing.add(signal.name)
    return differing


@every_kind
def test_every_back_end_records_the_same(kind: str) -> None:
    """Ports in every cycle, of a run that hangs as well; registers where it has them."""
    program = get_program(Choice(4, Source.SCORE, False, 3, 2, (True,) * 4))
    pair = (
        PyrtlBackend(TINY),
        VerilatorBackend(TINY) if kind == "verilator" else NativeBackend(TINY),
    )
    for given_settings in (RunSettings(), STALLED, RunSettings(limit_cycles=60)):
        expected, found = (
            record(backend, program.words, program.make_memory(), given_settings)
            for backend in pair
        )
        assert list_differences(found, expected) == set()
    assert found.num_steps == 60
    ports = {port.name for port in export_verilog(TINY).ports}
    registers = {one.name for one in expected.signals} - ports
    assert len(registers) > 500
    assert {one.name for one in found.signals} == ports | (registers if kind == "native" else set())


@every_kind
def test_a_fault_of_one_back_end_is_in_its_recording(kind: str) -> None:
    """The puppet plays what a broken accelerator may do; the right one is run beside it."""
    wrong = get_puppets(kind)[1]
    moves = [Move(), Move(retire_valid=1), Move(decision_score=5), Move(cores=(REQUEST, QUIET))]
    words = encode_moves([*moves, *moves[3:]])
    found = record(wrong, words, SharedMemory(4, TINY.beat_bytes), RunSettings())
    assert [found.read("retire_valid", step) for step in found.steps] == [0, 1, 0, 0, 0]
    assert [found.read("decision_score", step) for step in found.steps] == [0, 0, 5, 0, 0]
    requests = [found.read("core0_read_request_valid", step) for step in found.steps]
    assert requests == [0, 0, 0, 1, 1], "the cycle in which the rule is broken is recorded"
    right = record(get_backend(kind), words, SharedMemory(4, TINY.beat_bytes), RunSettings())
    assert right.read("decision_score", 2) == 0


@every_kind
def test_the_cycle_of_a_false_assertion_is_recorded(kind: str) -> None:
    words = encode_moves([Move(), Move(breaks_assertion=1, retire_order=3)])
    found = [
        record(puppet, words, SharedMemory(4, TINY.beat_bytes), RunSettings())
        for puppet in get_puppets(kind)
    ]
    assert list_differences(found[1], found[0]) == set()
    assert [found[1].read("retire_order", step) for step in found[1].steps] == [0, 3]


@every_kind
def test_of_a_long_run_the_newest_cycles_are_kept(kind: str) -> None:
    program = get_program(COMPUTE_ALL)
    backend = get_backend(kind)
    whole = record(backend, program.words, program.make_memory(), RunSettings())
    backend.reset()
    recorder = Recorder(limit_bytes=8 * whole.words.shape[1] * 7)
    backend.run(program.words, program.make_memory(), RunSettings(), recorder)
    kept = recorder.recording
    assert kept is not None
    assert kept.steps == whole.steps[-7:]
    np.testing.assert_array_equal(kept.take(kept.steps), whole.take(kept.steps))


@every_kind
def test_runs_follow_one_another_and_reset_recovers(kind: str) -> None:
    program = get_program(COMPUTE_ALL)
    backend = get_backend(kind)
    first = backend.run(program.words, program.make_memory())
    assert backend.run(program.words, program.make_memory()).retires == first.retires
    with pytest.raises(WatchdogError, match="limit_cycles = 50: "):
        backend.run(program.words, program.make_memory(), RunSettings(limit_cycles=50))
    backend.reset()
    assert backend.run(program.words, program.make_memory()) == first


@every_kind
def test_the_sticky_error_is_reported(kind: str) -> None:
    backend = get_backend(kind)
    illegal = Instruction(Opcode.LOAD, slot=9, rows=1)
    result = backend.run([encode(illegal)], SharedMemory(4, TINY.beat_bytes))
    assert result.error is not None
    assert (result.error.code, result.error.instruction) == (ErrorCode.SLOT, encode(illegal))


core_moves = st.builds(
    CoreMove,
    read_request_valid=st.integers(0, 1),
    read_request_address=st.integers(0, 15),
    read_request_num_beats=st.integers(0, 3),
    read_response_ready=st.integers(0, 1),
    write_valid=st.integers(0, 1),
    write_address=st.integers(0, 15),
    write_data=st.integers(0, 255),
)
calm_core_moves = st.builds(
    CoreMove, read_response_ready=st.just(1), write_valid=st.integers(0, 1)
) | st.builds(CoreMove, read_request_num_beats=st.integers(0, 3))
moves = st.builds(
    Move,
    decision_valid=st.integers(0, 1),
    decision_score=st.integers(0, 2**48 - 1),
    cores=st.tuples(core_moves, calm_core_moves) | st.tuples(calm_core_moves, core_moves),
)


@every_kind
@examples(100)
@given(
    played=st.lists(moves, min_size=1, max_size=8),
    stall_probability=st.sampled_from([0.0, 0.0, 0.3]),
    latency_cycles=st.integers(1, 4),
    seed=st.integers(0, 2**16),
    errors=st.frozensets(st.integers(0, 14), max_size=4),
)
def test_both_memories_refuse_the_same_rule_in_the_same_cycle(
    kind: str,
    played: list[Move],
    stall_probability: float,
    latency_cycles: int,
    seed: int,
    errors: frozenset[int],
) -> None:
    """Whatever a core does on its channel; the last move is `done`."""
    numbered, order = [], 0
    for move in played:
        numbered.append(replace(move, decision_order=order % 8))
        order += move.decision_valid
    words = encode_moves([*numbered, Move(), Move(), Move(done=1)])
    channels = ChannelSettings(latency_cycles, stall_probability, seed, errors, errors)
    given_settings = RunSettings(limit_cycles=60, channels=channels, gap_probability=0.2)
    found = []
    for puppet in get_puppets(kind):
        memory = SharedMemory(12, TINY.beat_bytes)
        memory.beats[:] = np.arange(48).reshape(12, 4)
        found.append(observe(puppet, words, memory, given_settings, kind == "verilator"))
    assert found[0] == found[1]


REQUEST = CoreMove(read_request_valid=1, read_request_num_beats=2)
QUIET = CoreMove()


@every_kind
@pytest.mark.parametrize(
    ("rule", "cycle", "core", "played"),
    [
        (4, 2, 0, [(QUIET, QUIET), (REQUEST, QUIET), (REQUEST, QUIET)]),
        (4, 0, 1, [(QUIET, CoreMove(read_request_valid=1))]),
        (4, 2, 0, [(CoreMove(write_valid=1), QUIET)]),
    ],
)
def test_broken_rules_are_named(
    kind: str, rule: int, cycle: int, core: int, played: list[tuple[CoreMove, CoreMove]]
) -> None:
    words = encode_moves([*(Move(cores=cores) for cores in played), Move(done=1)])
    slow = RunSettings(channels=ChannelSettings(latency_cycles=9))
    for puppet in get_puppets(kind):
        with pytest.raises(ChannelError, match=f"^core{core}, cycle {cycle}: breaks rule {rule}"):
            puppet.run(words, SharedMemory(4, TINY.beat_bytes), slow)


WRITE = CoreMove(write_valid=1, write_address=1, write_data=7)


@every_kind
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (REQUEST, QUIET),
        (REQUEST, replace(REQUEST, read_request_address=1)),
        (REQUEST, replace(REQUEST, read_request_num_beats=1)),
        (WRITE, QUIET),
        (WRITE, replace(WRITE, write_address=2)),
        (WRITE, replace(WRITE, write_data=8)),
    ],
)
def test_what_is_offered_is_kept_until_its_transfer(
    kind: str, first: CoreMove, second: CoreMove
) -> None:
    """The memory is not ready in cycle 0; machine code says what became of what, too."""
    words = encode_moves([Move(cores=(first, QUIET)), Move(cores=(second, QUIET)), Move(done=1)])
    stalled = RunSettings(channels=ChannelSettings(stall_probability=0.99))
    texts = []
    for puppet in get_puppets(kind):
        with pytest.raises(ChannelError, match=r"^core0, cycle 1: breaks rule 2") as caught:
            puppet.run(words, SharedMemory(4, TINY.beat_bytes), stalled)
        texts.append(str(caught.value))
    assert kind == "verilator" or texts[0] == texts[1]


@every_kind
def test_every_address_with_an_error_stays_as_it_is(kind: str) -> None:
    """8 stands before 1 in a set of both."""
    errors = frozenset({1, 8})
    assert list(errors) != sorted(errors)
    writes = [replace(WRITE, write_address=address) for address in range(10)]
    words = encode_moves([*(Move(cores=(one, QUIET)) for one in writes), Move(), Move(done=1)])
    for puppet in get_puppets(kind):
        memory = SharedMemory(12, TINY.beat_bytes)
        puppet.run(words, memory, RunSettings(channels=ChannelSettings(write_errors=errors)))
        assert np.flatnonzero(memory.beats[:, 0]).tolist() == [0, 2, 3, 4, 5, 6, 7, 9]


@every_kind
def test_a_broken_assertion_and_a_gap_in_the_records_are_raised(kind: str) -> None:
    memory = SharedMemory(4, TINY.beat_bytes)
    for puppet in get_puppets(kind):
        with pytest.raises(ProtocolError, match=CLAIM):
            puppet.run(encode_moves([Move(), Move(breaks_assertion=1)]), memory)
        gap = [Move(decision_valid=1), Move(decision_valid=1, decision_order=2), Move(done=1)]
        with pytest.raises(RecordError, match=r"^decision record 1: has order 2"):
            puppet.run(encode_moves(gap), memory)


@every_kind
def test_wrong_arguments_are_refused(kind: str) -> None:
    _, backend = get_puppets(kind)
    with pytest.raises(ArgumentError, match=r"^program = "):
        backend.run([], SharedMemory(4, TINY.beat_bytes))
    with pytest.raises(ArgumentError, match=r"^memory = "):
        backend.run([0], SharedMemory(4, 2 * TINY.beat_bytes))


THREE_CORES = AcceleratorConfig(3, 8, 5, 8, 20, 12, queue_depth=4)


def observe_both(backend: Backend) -> list[object]:
    """Without stalls and with them."""
    size = min(backend.config.num_slots, 4)
    program = make_program(
        backend.config, Choice(size, Source.DISTANCE, False, 3, 2, (True,) * size)
    )
    settings = (RunSettings(), STALLED)
    return [observe(backend, program.words, program.make_memory(), one) for one in settings]


@cache
def observe_machine_code(config: AcceleratorConfig) -> list[object]:
    return observe_both(NativeBackend(config))


@pytest.mark.parametrize("config", [THREE_CORES, pytest.param(DEMO, marks=pytest.mark.nightly)])
def test_other_sizes_agree_with_the_specification(config: AcceleratorConfig) -> None:
    """Beats of 64 and 128 bits."""
    assert observe_machine_code(config) == observe_both(PyrtlBackend(config))


@needs_verilator
@pytest.mark.parametrize("config", [THREE_CORES, DEMO])
def test_other_sizes_agree_with_each_other(config: AcceleratorConfig) -> None:
    """The demo by day as well."""
    assert observe_machine_code(config) == observe_both(VerilatorBackend(config))
