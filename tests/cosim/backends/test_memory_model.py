"""The memory keeps the rules of its channel, and refuses a core that breaks one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.memory_model import (
    ChannelError,
    ChannelSettings,
    MemoryChannel,
    SharedMemory,
)
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.channel import CoreToMemory, MemoryToCore

QUIET = CoreToMemory(
    read_request_valid=False,
    read_request_address=0,
    read_request_num_beats=0,
    read_response_ready=False,
    write_valid=False,
    write_address=0,
    write_data=0,
)


def make_memory(num_beats: int = 16) -> SharedMemory:
    """4-byte beats; beat a holds 100 + a in its lowest byte and a in its highest."""
    memory = SharedMemory(num_beats, beat_bytes=4)
    for address in range(num_beats):
        memory.write_beat(address, 100 + address | address << 24)
    return memory


@dataclass
class NaiveCore:
    """A core that reads one run of beats and writes some, keeping the rules.

    Attributes:
        request: address and number of beats.
        writes: address and data.
        can_take: whether it is ready for a response in a cycle.
    """

    request: tuple[int, int] | None
    writes: list[tuple[int, int]]
    can_take: Callable[[], bool] = lambda: True
    beats: list[int | None] = field(default_factory=list)
    acknowledges: list[int] = field(default_factory=list)
    response_cycles: list[int] = field(default_factory=list)
    acknowledge_cycles: list[int] = field(default_factory=list)

    def drive(self) -> CoreToMemory[int]:
        """What the core puts on the wires."""
        address, num_beats = self.request or (0, 0)
        write_address, write_data = self.writes[0] if self.writes else (0, 0)
        return CoreToMemory(
            read_request_valid=self.request is not None,
            read_request_address=address,
            read_request_num_beats=num_beats,
            read_response_ready=self.can_take(),
            write_valid=bool(self.writes),
            write_address=write_address,
            write_data=write_data,
        )

    def observe(self, cycle: int, core: CoreToMemory[int], memory: MemoryToCore[int]) -> None:
        """Take what the memory put on the wires."""
        if memory.read_response_valid and core.read_response_ready:
            self.beats.append(None if memory.read_response_error else memory.read_response_data)
            self.response_cycles.append(cycle)
        if memory.write_acknowledge_valid:
            self.acknowledges.append(memory.write_acknowledge_error)
            self.acknowledge_cycles.append(cycle)
        if memory.read_request_ready:
            self.request = None
        if memory.write_ready and self.writes:
            self.writes.pop(0)


def run(channel: MemoryChannel, core: NaiveCore, num_cycles: int = 400) -> list[MemoryToCore[int]]:
    driven = []
    for cycle in range(num_cycles):
        from_memory, from_core = channel.drive(), core.drive()
        channel.observe(from_core)
        core.observe(cycle, from_core, from_memory)
        driven.append(from_memory)
    return driven


@pytest.mark.parametrize("latency_cycles", [1, 2, 7])
def test_answers_come_after_the_latency_one_beat_in_a_cycle(latency_cycles: int) -> None:
    memory = make_memory()
    channel = MemoryChannel("core0", memory, ChannelSettings(latency_cycles))
    core = NaiveCore(request=(3, 4), writes=[(0, 7), (1, 8)])
    run(channel, core, 30)
    assert core.beats == [memory.read_beat(address) for address in range(3, 7)]
    assert core.response_cycles == [latency_cycles + beat for beat in range(4)]
    assert core.acknowledge_cycles == [latency_cycles, latency_cycles + 1]
    assert core.acknowledges == [False, False]
    assert (memory.read_beat(0), memory.read_beat(1)) == (7, 8)
    assert (channel.num_read_beats, channel.num_write_beats) == (4, 2)
    channel.check_closed()


@given(
    st.builds(
        ChannelSettings,
        latency_cycles=st.integers(1, 5),
        stall_probability=st.sampled_from([0.0, 0.3, 0.8]),
        seed=st.integers(0, 2**16),
        read_errors=st.frozensets(st.integers(0, 15), max_size=3),
        write_errors=st.frozensets(st.integers(0, 15), max_size=3),
    ),
    st.tuples(st.integers(0, 18), st.integers(1, 6)),
    st.lists(st.tuples(st.integers(0, 17), st.integers(0, 2**32 - 1)), max_size=6),
    st.integers(0, 2**16),
)
def test_what_was_asked_for_is_answered_whatever_stalls(
    settings: ChannelSettings,
    request_: tuple[int, int],
    writes: list[tuple[int, int]],
    take_seed: int,
) -> None:
    memory, untouched = make_memory(), make_memory()
    channel = MemoryChannel("core0", memory, settings)
    random = Random(take_seed)
    core = NaiveCore(None, list(writes), can_take=lambda: random.random() < 0.7)
    run(channel, core)
    for number, (address, data) in enumerate(writes):
        is_error = address in settings.write_errors or address > 15
        assert core.acknowledges[number] == is_error
        if not is_error:
            untouched.write_beat(address, data)
    assert len(core.acknowledges) == len(writes)
    assert np.array_equal(memory.beats, untouched.beats)

    core.request = request_
    run(channel, core)
    addresses = range(request_[0], sum(request_))
    assert core.beats == [
        None if address in settings.read_errors or address > 15 else memory.read_beat(address)
        for address in addresses
    ]
    channel.check_closed()


@given(st.integers(0, 100))
def test_a_raised_response_stays_until_it_is_taken(seed: int) -> None:
    settings = ChannelSettings(stall_probability=0.5, seed=seed)
    channel = MemoryChannel("core0", make_memory(), settings)
    core = NaiveCore(request=(2, 3), writes=[], can_take=lambda: False)
    driven = [one for one in run(channel, core, 60) if one.read_response_valid]
    assert len(driven) > 30
    assert {(one.read_response_data, one.read_response_error) for one in driven} == {
        (make_memory().read_beat(2), False)
    }


def test_stalls_reach_every_channel_and_follow_the_seed() -> None:
    def record(seed: int) -> list[MemoryToCore[int]]:
        settings = ChannelSettings(stall_probability=0.5, seed=seed)
        channel = MemoryChannel("core0", make_memory(), settings)
        return run(channel, NaiveCore((0, 8), [(address, 1) for address in range(8)]), 60)

    driven = record(1)
    assert driven == record(1) != record(2)
    for name in ("read_request_ready", "write_ready"):
        assert {getattr(one, name) for one in driven} == {False, True}
    for name in ("read_response_valid", "write_acknowledge_valid"):
        valid = [getattr(one, name) for one in driven]
        first, last = valid.index(True), len(valid) - valid[::-1].index(True)
        assert not all(valid[first:last])


def test_what_is_not_valid_is_noise() -> None:
    channel = MemoryChannel("core0", make_memory(), ChannelSettings())
    driven = run(channel, NaiveCore(None, []), 8)
    assert len({one.read_response_data for one in driven}) == 8
    assert not any(one.read_response_valid or one.write_acknowledge_valid for one in driven)


REQUEST = replace(QUIET, read_request_valid=True, read_request_address=1, read_request_num_beats=3)
WRITE = replace(QUIET, write_valid=True, write_address=1, write_data=5)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (REQUEST, QUIET),
        (REQUEST, replace(REQUEST, read_request_address=2)),
        (REQUEST, replace(REQUEST, read_request_num_beats=2)),
        (WRITE, QUIET),
        (WRITE, replace(WRITE, write_address=2)),
        (WRITE, replace(WRITE, write_data=6)),
    ],
)
def test_rule_2_an_offer_stays_as_it_is(first: CoreToMemory[int], then: CoreToMemory[int]) -> None:
    settings = ChannelSettings(stall_probability=0.999999)
    channel = MemoryChannel("core3", make_memory(), settings)
    channel.drive()
    channel.observe(first)
    channel.drive()
    channel.observe(first)
    channel.drive()
    with pytest.raises(ChannelError, match=r"^core3, cycle 2: breaks rule 2: ") as caught:
        channel.observe(then)
    assert caught.value.rule == 2
    with pytest.raises(ChannelError, match=r"rule 2: done while a transfer is offered"):
        channel.check_closed()


def test_rule_4_one_request_at_a_time() -> None:
    channel = MemoryChannel("core0", make_memory(), ChannelSettings(latency_cycles=3))
    channel.drive()
    channel.observe(REQUEST)
    channel.drive()
    with pytest.raises(ChannelError, match=r"cycle 1: breaks rule 4: a second request while 3"):
        channel.observe(REQUEST)
    with pytest.raises(ChannelError, match=r"rule 4: done while an answer is due"):
        channel.check_closed()


def test_rule_4_allows_a_request_in_the_cycle_of_the_last_beat() -> None:
    channel = MemoryChannel("core0", make_memory(), ChannelSettings())
    channel.drive()
    channel.observe(replace(REQUEST, read_request_num_beats=1))
    assert channel.drive().read_response_valid
    channel.observe(replace(REQUEST, read_response_ready=True))


def test_rule_4_no_empty_request() -> None:
    channel = MemoryChannel("core0", make_memory(), ChannelSettings())
    channel.drive()
    with pytest.raises(ChannelError, match=r"breaks rule 4: a request of 0 beats$"):
        channel.observe(replace(REQUEST, read_request_num_beats=0))


def test_rule_5_limits_the_open_writes() -> None:
    channel = MemoryChannel("core0", make_memory(), ChannelSettings(latency_cycles=10**6))
    for _ in range(65535):
        channel.drive()
        channel.observe(WRITE)
    channel.drive()
    with pytest.raises(ChannelError, match=r"cycle 65535: breaks rule 5: more than 65535"):
        channel.observe(WRITE)


def test_done_while_a_write_is_open_is_refused() -> None:
    channel = MemoryChannel("core0", make_memory(), ChannelSettings(latency_cycles=4))
    channel.drive()
    channel.observe(WRITE)
    with pytest.raises(ChannelError, match=r"rule 4: done while an answer is due"):
        channel.check_closed()


@given(st.binary(max_size=30), st.integers(0, 8))
def test_bytes_are_kept_and_padded_to_beats(content: bytes, address: int) -> None:
    memory = make_memory()
    memory.write_bytes(address, content)
    padded = content.ljust(-(-len(content) // 4) * 4, b"\0")
    assert memory.read_bytes(address, len(padded)) == padded
    for beat in range(len(padded) // 4):
        number = int.from_bytes(padded[4 * beat : 4 * beat + 4], "little")
        assert memory.read_beat(address + beat) == number


def test_arguments_are_checked() -> None:
    with pytest.raises(ArgumentError, match=r"^num_beats = 0: must be at least 1$"):
        SharedMemory(0, 4)
    with pytest.raises(ArgumentError, match=r"^latency_cycles = 0: must be at least 1$"):
        ChannelSettings(latency_cycles=0)
    with pytest.raises(
        ArgumentError, match=r"^stall_probability = 1: must be at least 0 and below"
    ):
        ChannelSettings(stall_probability=1)
    with pytest.raises(ArgumentError, match=r"^address = 15: must be so that 2 beats fit"):
        make_memory().write_bytes(15, bytes(5))
    with pytest.raises(ArgumentError, match=r"^address = -1: must be so that 1 beats are in"):
        make_memory().read_bytes(-1, 4)
