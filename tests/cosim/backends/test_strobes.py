"""Strobes of the write channel, in every back end: the bytes whose bit is 1 are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.backend import Backend, RunSettings
from fastcar.cosim.backends.memory_model import (
    ChannelError,
    ChannelSettings,
    MemoryChannel,
    SharedMemory,
)
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend
from fastcar.cosim.backends.verilator_backend import VerilatorBackend
from fastcar.cosim.cycles.cycle_model import predict_run
from fastcar.cosim.verilog.verilog import export_verilog
from fastcar.rtl import latency
from fastcar.rtl.channel import CoreToMemory
from fastcar.rtl.config import TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import Instruction
from tests.cosim.puppet import CoreMove, Move, encode_moves, make_puppet
from tests.cosim.store_programs import make_store_program
from tests.examples import examples
from tests.rtl.core_programs import LONG_HEADS
from tests.simulators import needs_verilator

RUNS = [
    ("native", TINY_DECODER),
    ("native", LONG_HEADS),
    pytest.param("pyrtl", TINY_DECODER, marks=pytest.mark.slow),
    pytest.param("pyrtl", LONG_HEADS, marks=pytest.mark.slow),
    pytest.param("verilator", LONG_HEADS, marks=[needs_verilator, pytest.mark.slow]),
]
SETTINGS = {
    "calm": RunSettings(channels=ChannelSettings(latency_cycles=3)),
    "stalled": RunSettings(
        gap_probability=0.3,
        seed=5,
        channels=ChannelSettings(latency_cycles=4, stall_probability=0.3, seed=9),
    ),
}


@cache
def make_backend(kind: str, config: AcceleratorConfig) -> Backend:
    if kind == "verilator":
        return VerilatorBackend(config)
    return NativeBackend(config) if kind == "native" else PyrtlBackend(config)


def count_slot_cycles(
    config: AcceleratorConfig, body: Sequence[Instruction], slot: int, latency_cycles: int
) -> int:
    own = [one for one in body if one.slot == slot]
    return sum(latency.count_cycles(config, one, latency_cycles, latency_cycles) for one in own)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(("kind", "config"), RUNS)
def test_keys_and_values_are_those_of_the_naive_core(
    kind: str, settings: str, config: AcceleratorConfig
) -> None:
    """Memory, digests, and without stalls the cycles of the formulas."""
    program, given_settings = make_store_program(config, seed=3), SETTINGS[settings]
    backend, memory = make_backend(kind, config), program.make_memory()
    backend.reset()
    result = backend.run(program.words, memory, given_settings)
    wanted, digests = program.run_naive()
    found = {address: memory.read_beat(address) for address in range(len(memory.beats))}
    assert found == wanted
    assert {one.slot: one.digest for one in result.retires} == digests
    assert {one.token for one in result.retires} == {0}
    if settings == "calm":
        latency_cycles = given_settings.channels.latency_cycles
        for one in result.retires:
            cycles = count_slot_cycles(config, program.body, one.slot, latency_cycles)
            assert one.end_cycle - one.start_cycle + 1 == cycles


@pytest.mark.parametrize("config", [TINY_DECODER, LONG_HEADS], ids=["tiny", "long heads"])
def test_the_cycle_model_predicts_stores_of_bytes(config: AcceleratorConfig) -> None:
    program, settings = make_store_program(config, seed=5), SETTINGS["calm"]
    backend = make_backend("native", config)
    backend.reset()
    result = backend.run(program.words, program.make_memory(), settings)
    computes = [True] * config.num_slots
    wanted = predict_run(config, program.instructions, computes, settings.channels.latency_cycles)
    assert result.counters == wanted.counters
    found = [(one.slot, one.core, one.start_cycle, one.end_cycle) for one in result.retires]
    retired = wanted.retirements
    assert found == [(one.slot, one.core, one.start_cycle, one.end_cycle) for one in retired]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["native", pytest.param("verilator", marks=needs_verilator)])
@pytest.mark.parametrize("settings", SETTINGS)
def test_back_ends_agree_in_everything_that_a_run_leaves(kind: str, settings: str) -> None:
    program, seen = make_store_program(LONG_HEADS, seed=4), []
    for backend in (make_backend(kind, LONG_HEADS), make_backend("pyrtl", LONG_HEADS)):
        memory = program.make_memory()
        backend.reset()
        seen.append(
            (backend.run(program.words, memory, SETTINGS[settings]), memory.beats.tobytes())
        )
    assert seen[0] == seen[1]


@cache
def get_puppets(kind: str) -> tuple[Backend, Backend]:
    expected = PyrtlBackend(TINY_DECODER, block=make_puppet(TINY_DECODER))
    if kind == "verilator":
        design = export_verilog(TINY_DECODER, make_puppet(TINY_DECODER))
        return expected, VerilatorBackend(TINY_DECODER, design)
    return expected, NativeBackend(TINY_DECODER, make_puppet(TINY_DECODER))


every_compiled = pytest.mark.parametrize(
    "kind", ["native", pytest.param("verilator", marks=[needs_verilator, pytest.mark.slow])]
)
core_moves = st.builds(
    CoreMove,
    write_valid=st.integers(0, 1),
    write_address=st.integers(0, 3),
    write_data=st.integers(0, 255),
    write_strobe=st.integers(0, 15),
)


@every_compiled
@examples(40)
@given(
    played=st.lists(st.tuples(core_moves, core_moves), min_size=1, max_size=8),
    stall_probability=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 2**16),
)
def test_every_memory_writes_the_same_bytes_and_refuses_the_same(
    kind: str, played: list[tuple[CoreMove, CoreMove]], stall_probability: float, seed: int
) -> None:
    moves = [*(Move(cores=cores) for cores in played), Move(), Move(), Move(done=1)]
    channels = ChannelSettings(stall_probability=stall_probability, seed=seed)
    found = []
    for puppet in get_puppets(kind):
        memory = SharedMemory(4, TINY_DECODER.beat_bytes)
        memory.beats[:] = np.arange(100, 116).reshape(4, 4)
        ending: object = None
        words = encode_moves(moves, TINY_DECODER)
        try:
            puppet.run(words, memory, RunSettings(60, channels=channels))
        except ChannelError as error:
            # Verilator says which rule was broken, but not by what.
            text = str(error) if kind == "native" else str(error).split(":")[0]
            ending = text, error.rule
        found.append((ending, memory.beats.tobytes()))
    assert found[0] == found[1]


WRITE = CoreMove(write_valid=1, write_address=1, write_data=7, write_strobe=4)


@every_compiled
def test_a_strobe_is_kept_until_the_transfer(kind: str) -> None:
    """The memory is not ready in cycle 0; machine code says what became of what, too."""
    cores = [(one, CoreMove()) for one in (WRITE, replace(WRITE, write_strobe=5))]
    words = encode_moves([*(Move(cores=one) for one in cores), Move(done=1)], TINY_DECODER)
    stalled = RunSettings(channels=ChannelSettings(stall_probability=0.99))
    texts = []
    for puppet in get_puppets(kind):
        with pytest.raises(ChannelError, match=r"^core0, cycle 1: breaks rule 2") as caught:
            puppet.run(words, SharedMemory(4, 4), stalled)
        texts.append(str(caught.value))
    assert kind == "verilator" or texts[0] == texts[1]


OFFER = CoreToMemory(
    *(False, 0, 0, False), write_valid=True, write_address=1, write_data=0x04030201, write_strobe=6
)


def test_the_memory_of_the_specification_keeps_the_other_bytes() -> None:
    memory = SharedMemory(2, 4)
    memory.beats[:] = 9
    channel = MemoryChannel("core0", memory, ChannelSettings())
    for strobe in (6, 0, None):
        channel.drive()
        channel.observe(replace(OFFER, write_strobe=strobe))
        expected = {6: [9, 2, 3, 9], 0: [9, 2, 3, 9], None: [1, 2, 3, 4]}[strobe]
        assert memory.beats.tolist() == [[9] * 4, expected]
        if strobe == 0:
            memory.beats[1] = expected
    assert channel.num_write_beats == 3


def test_the_refusal_of_a_changed_strobe_names_both() -> None:
    channel = MemoryChannel(
        "core3", SharedMemory(4, 4), ChannelSettings(stall_probability=0.999999)
    )
    channel.drive()
    channel.observe(OFFER)
    channel.drive()
    text = r"write \(1, 67305985, 6\) became \(1, 67305985, 2\) before its transfer$"
    with pytest.raises(ChannelError, match=rf"^core3, cycle 1: breaks rule 2: {text}"):
        channel.observe(replace(OFFER, write_strobe=2))


def test_the_program_of_these_tests_writes_bytes_alone_and_several_blocks() -> None:
    """Otherwise a channel that writes whole beats would pass."""
    program = make_store_program(TINY_DECODER, seed=3)
    before = program.make_beats()
    after, _ = program.run_naive()
    changed = [before[one] ^ after[one] for one in before if before[one] != after[one]]
    single = [one for one in changed if sum(one >> 8 * k & 255 != 0 for k in range(4)) == 1]
    assert len(single) > 10
    assert len(changed) > len(single)
