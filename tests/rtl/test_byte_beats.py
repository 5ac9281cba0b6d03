"""Beats of STORE_KEY and STORE_VALUE: the right bytes at the right addresses, under any stalls."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl.byte_beats import ByteStore
from fastcar.rtl.write_channel import WriteChannelInputs, make_write_channel
from tests.rtl.wires import Bench, build_once, expose, make_inputs, pack

NUM_LANES = 4
LONG = 200
"""More cycles than any burst here takes."""


@build_once
def build(head_beats: int) -> Bench:
    one_bit = ("reset", "forget", "start", "stop", "is_last_word", "ready")
    widths = dict.fromkeys((*one_bit, "acknowledge_valid", "acknowledge_error"), 1)
    inputs = make_inputs(WriteChannelInputs, **widths, first_address=32, word=16 * NUM_LANES)
    kind = {name: pyrtl.Input(1, name) for name in ("is_key", "is_value")}
    step = NUM_LANES * head_beats - head_beats + 1
    store = ByteStore(**kind, lane=pyrtl.Input(5, "lane"), head_beats=head_beats, head_step=step)
    expose(make_write_channel("unit", inputs, store))
    return Bench()


@dataclass
class Burst:
    """Drives the channel as the datapath does: what is behind a word moves in the cycle after it.

    Attributes:
        bench: of the unit.
        kind: which of the three instructions.
        words: that are sent.
        lane: of STORE_VALUE.
        sent: address, what is stored and strobe of every beat that memory took.
        owed: cycle of every acknowledgement that is due, and whether it is an error.
    """

    bench: Bench
    kind: str
    words: list[int]
    lane: int = 0
    sent: list[tuple[int, int, int]] = field(default_factory=list)
    owed: deque[int] = field(default_factory=deque)
    index: int = 0
    cycle: int = 0
    last_word_cycle: int = -2

    def get_kind(self) -> dict[str, int]:
        """Inputs that say which instruction it is."""
        kinds = {"is_key": self.kind == "key", "is_value": self.kind == "value"}
        return kinds | {"lane": self.lane}

    def start(self, address: int) -> None:
        """The cycle before the first one of the burst."""
        self.bench.step(start=1, first_address=address, **self.get_kind())

    def step(self, ready: bool, latency: int = 1, acknowledges: bool = True, **inputs: int) -> None:
        """One cycle behind `start`."""
        read = self.bench.read
        is_due = acknowledges and bool(self.owed) and self.owed[0] <= self.cycle
        word = min(self.index, len(self.words) - 1)
        self.bench.step(
            word=self.words[word],
            is_last_word=word == len(self.words) - 1,
            ready=ready,
            acknowledge_valid=is_due,
            **self.get_kind(),
            **inputs,
        )
        if is_due:
            self.owed.popleft()
        if read("valid") and ready:
            stored, strobe = read("stored"), read("strobe")
            assert stored == read("data") & spread(strobe)
            self.sent.append((read("address"), stored, strobe))
            self.owed.append(self.cycle + latency)
        if read("is_word_sent"):
            assert self.cycle >= self.last_word_cycle + 2
            self.last_word_cycle = self.cycle
            self.index += 1
        self.cycle += 1


def spread(strobe: int) -> int:
    """A byte of ones for each bit."""
    return pack([255 * (strobe >> byte & 1) for byte in range(NUM_LANES)], 8)


def list_beats(
    kind: str, words: list[int], lane: int, head_beats: int, address: int
) -> list[tuple[int, int, int]]:
    """What has to be sent, one by one."""
    lanes, full = range(NUM_LANES), (1 << NUM_LANES) - 1
    if kind == "store":
        halves = [word >> shift & 0xFFFFFFFF for word in words for shift in (0, 32)]
        return [(address + number, half, full) for number, half in enumerate(halves)]
    bytes_of = [[word >> 16 * number & 255 for number in lanes] for word in words]
    if kind == "key":
        size = NUM_LANES * head_beats
        places = [divmod(number, head_beats) for number in range(len(words))]
        return [
            ((address + head * size + place) % 2**32, pack(own, 8), full)
            for (head, place), own in zip(places, bytes_of, strict=True)
        ]
    singles = [byte for own in bytes_of for byte in own]
    return [
        (
            (address + number) % 2**32,
            byte << 8 * lane if lane < NUM_LANES else 0,
            (1 << lane) & full,
        )
        for number, byte in enumerate(singles)
    ]


kinds = st.sampled_from(["store", "key", "value"])
words = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=7)
lanes = st.integers(0, NUM_LANES)
addresses = st.sampled_from([1000, 2**32 - 3])
stalls = st.lists(st.booleans(), max_size=40)


@pytest.mark.parametrize("head_beats", [1, 2, 3])
@given(kinds, words, lanes, addresses, stalls, stalls, st.integers(1, 4))
def test_every_beat_is_sent_once_in_order_and_acknowledged(
    head_beats: int,
    kind: str,
    words: list[int],
    lane: int,
    address: int,
    unready: list[bool],
    slow: list[bool],
    latency: int,
) -> None:
    address = 1000 if kind == "store" else address
    burst = Burst(build(head_beats), kind, words, lane)
    burst.start(address)
    for cycle in range(LONG):
        ready = not (cycle < len(unready) and unready[cycle])
        burst.step(ready, latency, not (cycle < len(slow) and slow[cycle]))
        if burst.bench.read("is_done"):
            break
        assert burst.bench.read("is_open")
    assert not burst.owed
    assert burst.sent == list_beats(kind, words, lane, head_beats, address)
    burst.bench.step()
    assert not burst.bench.read("is_open")


@pytest.mark.parametrize(("kind", "beat_cycles"), [("store", 1), ("key", 2), ("value", 1)])
def test_beats_come_in_their_cycles_and_none_is_a_stall(kind: str, beat_cycles: int) -> None:
    bench = build(2)
    burst = Burst(bench, kind, [1, 2, 3])
    burst.start(5)
    num_beats = len(list_beats(kind, [1, 2, 3], 0, 2, 5))
    for number in range(num_beats * beat_cycles):
        burst.step(ready=True)
        assert bench.read("valid") == ((number + 1) % beat_cycles == 0)
        assert not bench.read("is_stalled")
    burst.step(ready=True)
    assert bench.read("is_done")


@given(kinds, words, st.integers(0, 30), stalls)
def test_stop_ends_the_burst_after_the_beat_that_is_offered(
    kind: str, words: list[int], stop_cycle: int, unready: list[bool]
) -> None:
    burst = Burst(build(2), kind, words)
    burst.start(1000)
    for cycle in range(LONG):
        is_stopped = cycle >= stop_cycle
        is_offered = burst.bench.read("valid")
        burst.step(not (cycle < len(unready) and unready[cycle]), stop=is_stopped)
        if cycle > stop_cycle:
            assert burst.bench.read("valid") <= is_offered
        if not burst.bench.read("is_open") or burst.bench.read("is_done"):
            break
    assert not burst.owed
    expected = list_beats(kind, words, 0, 2, 1000)
    assert burst.sent == expected[: len(burst.sent)]
    num_offered = stop_cycle // (2 if kind == "key" else 1) + 1
    assert len(burst.sent) <= num_offered


@given(kinds, words, stalls, st.integers(0, 30))
def test_a_reset_at_any_point_withdraws_and_drops_what_is_owed(
    kind: str, words: list[int], unready: list[bool], reset_cycle: int
) -> None:
    bench = build(2)
    burst = Burst(bench, kind, words)
    burst.start(1000)
    for cycle in range(reset_cycle + 1):
        is_ready = not (cycle < len(unready) and unready[cycle])
        burst.step(is_ready, latency=40, reset=cycle == reset_cycle)
    num_owed = len(burst.owed)
    for number in range(num_owed + 1):
        bench.step(ready=1, acknowledge_valid=number < num_owed, acknowledge_error=1)
        assert bench.read("is_stale") == (number < num_owed)
        for member in ("valid", "is_done", "is_error", "is_open", "is_stalled"):
            assert not bench.read(member), member
    again = Burst(bench, kind, words, lane=3)
    again.start(7)
    while not bench.read("is_done"):
        again.step(ready=True)
        assert again.cycle < LONG
    assert again.sent == list_beats(kind, words, 3, 2, 7)


@pytest.mark.parametrize("kind", ["store", "key", "value"])
def test_an_error_is_told_and_the_burst_is_not_done(kind: str) -> None:
    bench = build(1)
    burst = Burst(bench, kind, [1])
    burst.start(0)
    while not burst.owed:
        burst.step(ready=True, latency=99)
    bench.step(acknowledge_valid=1, acknowledge_error=1, **burst.get_kind())
    assert bench.read("is_error")
    assert not bench.read("is_done")
