"""Reset: memory that goes on answering does no harm, at whatever point the reset comes (D-40)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.backend import InstructionDriver, RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings, MemoryChannel, SharedMemory
from fastcar.cosim.backends.pyrtl_backend import (
    PyrtlBackend,
    Simulator,
    drive_channel,
    read_channel,
)
from fastcar.cosim.export.recording import Recording, record_layer
from fastcar.cosim.export.scene import make_random_scene
from fastcar.cosim.program.memory_image import Beats
from fastcar.rtl.config import TINY, TINY_DECODER, AcceleratorConfig
from fastcar.rtl.reset import LONG_RESET_CYCLES, make_forget
from tests.cosim.store_programs import record_stores
from tests.examples import examples
from tests.rtl.wires import Bench, build_once

LATENCIES_CYCLES = (3, 16)
CORES = [f"core{core}" for core in range(TINY.num_cores)]


@build_once
def build() -> Bench:
    forget = pyrtl.Output(1, "out_forget")
    forget <<= make_forget(pyrtl.Input(1, "reset"))
    return Bench()


def read_forget(bench: Bench, resets: str) -> str:
    """The output for an input, one digit a cycle."""
    found = ""
    for reset in resets:
        bench.step(reset=int(reset))
        found += str(bench.read("forget"))
    return found


def test_until_the_first_reset_nothing_is_owed() -> None:
    assert read_forget(build(), "0001000") == "1111000"


def test_a_long_reset_forgets_and_a_shorter_one_does_not() -> None:
    bench = build()
    shorter = "1" * (LONG_RESET_CYCLES - 1)
    read_forget(bench, "10")
    assert read_forget(bench, f"{shorter}0{shorter}0") == "0" * (2 * LONG_RESET_CYCLES)
    assert read_forget(bench, f"{shorter}110") == "0" * (LONG_RESET_CYCLES - 1) + "110"


@cache
def get_backend(config: AcceleratorConfig) -> PyrtlBackend:
    return PyrtlBackend(config, Simulator.NATIVE)


@cache
def get_recording(latency_cycles: int) -> Recording:
    scene = make_random_scene(TINY, TINY.num_slots, seed=0)
    return record_layer(TINY, scene, latency_cycles=latency_cycles)


@cache
def get_store_recording(latency_cycles: int) -> Recording:
    return record_stores(TINY_DECODER, 3, latency_cycles)


class System:
    """The accelerator and a memory that no reset reaches."""

    def __init__(self, recording: Recording, stall_probability: float, seed: int) -> None:
        self.recording = recording
        self.backend = get_backend(recording.config)
        self.backend.reset()
        self.memory = SharedMemory(*recording.memory.shape)
        settings = ChannelSettings(recording.latency_cycles, stall_probability, seed)
        self.channels = {name: MemoryChannel(name, self.memory, settings) for name in CORES}
        self.begin()

    def begin(self) -> None:
        """The host's part: memory as before the layer, and the program from its start."""
        self.memory.beats[:] = self.recording.memory
        self.driver = InstructionDriver(self.recording.program, RunSettings())
        self.decisions: list[tuple[int, ...]] = []
        self.retires: list[tuple[int, ...]] = []

    def is_owing(self) -> bool:
        """Whether memory owes anything."""
        return any(channel.is_open for channel in self.channels.values())

    def step(self, reset: int = 0) -> None:
        """One cycle; the memory's side is the same with and without a reset."""
        get = self.backend.stepper.get
        valid, instruction = self.driver.drive()
        valid = valid and not reset
        inputs = {"reset": reset, "instruction_valid": int(valid), "instruction": instruction}
        for name, channel in self.channels.items():
            drive_channel(inputs, name, channel)
        self.backend.stepper.step(inputs)
        for name, channel in self.channels.items():
            channel.observe(read_channel(self.recording.config, get, name))
            if reset:
                channel.withdraw()
        if reset:
            return
        self.driver.observe(bool(get("instruction_ready")))
        if get("decision_valid"):
            self.decisions.append(tuple(get(f"decision_{one}") for one in ("slot", "computes")))
        if get("retire_valid"):
            members = ("slot", "core", "digest", "start_cycle", "end_cycle")
            self.retires.append(tuple(get(f"retire_{one}") for one in members))

    def run(self) -> None:
        """To the end of the program."""
        for _ in range(50_000):
            self.step()
            get = self.backend.stepper.get
            if self.driver.num_accepted == len(self.recording.program) and get("done"):
                return
        raise AssertionError("not done")


def check_recovery(system: System, reset_cycle: int, num_reset_cycles: int) -> bool:
    """Reset in mid-run, then everything once more; whether memory owed anything after the reset."""
    recording = system.recording
    for _ in range(reset_cycle):
        system.step()
    for _ in range(num_reset_cycles):
        system.step(reset=1)
    is_owing = system.is_owing()
    system.begin()
    system.run()
    assert system.backend.stepper.get("error") == 0
    wanted = [(one.slot, int(one.computes)) for one in recording.decisions]
    assert system.decisions == wanted
    digests = {one.slot: (one.core, one.digest) for one in recording.retires}
    assert {one[0]: one[1:3] for one in system.retires} == digests
    assert_equal(system.memory.beats, recording.memory_after)
    return is_owing


def assert_equal(found: Beats, wanted: Beats) -> None:
    assert found.tobytes() == wanted.tobytes()


def count_cycles(latency_cycles: int) -> int:
    return get_recording(latency_cycles).counters.cycles


@pytest.mark.slow
@pytest.mark.parametrize("latency_cycles", LATENCIES_CYCLES)
@pytest.mark.parametrize("record", [get_recording, get_store_recording], ids=["layer", "stores"])
def test_reset_at_any_point_recovers_while_memory_answers(
    record: Callable[[int], Recording], latency_cycles: int
) -> None:
    """30 points each, of which many are within transfers; cycle counts are those of a fresh run."""
    recording, num_owing = record(latency_cycles), 0
    for point in range(30):
        system = System(recording, 0.0, point)
        reset_cycle = 1 + point * recording.counters.cycles // 30
        num_owing += check_recovery(system, reset_cycle, 1 + point % 3)
        times = [(one.slot, one.start_cycle, one.end_cycle) for one in recording.retires]
        assert [(one[0], *one[3:]) for one in system.retires] == times
        assert system.backend.stepper.get("counter_cycles") == recording.counters.cycles
    assert num_owing >= 3


@examples(day=5, night=100)
@given(
    st.sampled_from(LATENCIES_CYCLES),
    st.sampled_from((0.1, 0.5)),
    st.integers(0, 2**32 - 1),
    st.data(),
)
def test_reset_recovers_while_memory_stalls(
    latency_cycles: int, stall_probability: float, seed: int, data: st.DataObject
) -> None:
    system = System(get_recording(latency_cycles), stall_probability, seed)
    reset_cycle = data.draw(st.integers(0, 2 * count_cycles(latency_cycles)))
    check_recovery(system, reset_cycle, data.draw(st.integers(1, LONG_RESET_CYCLES - 1)))


def test_nothing_is_accepted_until_memory_has_answered() -> None:
    system = System(get_recording(16), 0.0, 0)
    while not system.is_owing():
        system.step()
    system.step(reset=1)
    system.begin()
    while system.is_owing():
        assert system.driver.num_accepted == 0
        system.step()
    system.step()
    system.step()
    assert system.driver.num_accepted > 0
