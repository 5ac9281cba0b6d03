"""Write channel: every beat once and in order; done with the last acknowledgement."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl.write_channel import WriteChannelInputs, make_write_channel
from tests.rtl.wires import Bench, build_once, expose, make_inputs


@build_once
def build() -> Bench:
    one_bit = ("reset", "forget", "start", "stop", "is_last_word", "ready")
    widths = dict.fromkeys((*one_bit, "acknowledge_valid", "acknowledge_error"), 1)
    inputs = make_inputs(WriteChannelInputs, **widths, first_address=32, word=16)
    expose(make_write_channel("unit", inputs))
    return Bench()


booleans = st.lists(st.booleans(), max_size=30)


@given(st.integers(1, 5), st.integers(0, 40), booleans, booleans, st.integers(1, 4))
def test_sends_every_beat_and_waits_for_its_acknowledgement(
    num_words: int, stop_cycle: int, unready: list[bool], slow: list[bool], latency: int
) -> None:
    bench = build()
    bench.step(start=1, first_address=1000)
    words = [0x0201 + 0x0202 * index for index in range(num_words)]
    sent: list[tuple[int, int]] = []
    acknowledges: deque[int] = deque()
    index, is_done, unready_queue, slow_queue = 0, False, deque(unready), deque(slow)
    for cycle in range(200):
        ready = not (unready_queue and unready_queue.popleft())
        is_slow = bool(slow_queue) and slow_queue.popleft()
        acknowledge = bool(acknowledges) and acknowledges[0] <= cycle and not is_slow
        bench.step(
            word=words[min(index, num_words - 1)],
            is_last_word=index == num_words - 1,
            ready=ready,
            stop=cycle >= stop_cycle,
            acknowledge_valid=acknowledge,
        )
        if acknowledge:
            acknowledges.popleft()
        if bench.read("valid") and ready:
            sent.append((bench.read("address"), bench.read("data")))
            acknowledges.append(cycle + latency)
        index += bench.read("is_word_sent")
        if bench.read("is_done"):
            assert not acknowledges
            is_done = True
            break
    assert is_done
    bench.step()
    assert not bench.read("is_open")
    beats = [half for word in words for half in (word & 255, word >> 8)]
    expected = [(1000 + number, beat) for number, beat in enumerate(beats)]
    assert sent == expected[: len(sent)]
    assert len(sent) == len(expected) or stop_cycle < 200
    if stop_cycle > len(unready) + len(expected):
        assert sent == expected


def test_stop_ends_the_burst_after_the_offered_beat() -> None:
    bench = build()
    bench.step(start=1)
    for ready in (0, 0, 1):
        bench.step(stop=1, ready=ready)
        assert bench.read("valid")
    bench.step(stop=1, ready=1)
    assert not bench.read("valid")
    assert bench.read("is_open")


def test_acknowledgements_from_before_a_reset_are_dropped() -> None:
    bench = build()
    bench.step(start=1)
    bench.step(ready=1)
    bench.step(ready=1, is_last_word=1, reset=1)  # Memory takes it in the cycle of the reset.
    for number in range(3):
        bench.step(acknowledge_valid=number < 2, acknowledge_error=number == 0)
        assert bench.read("is_stale") == (number < 2)
        for member in ("valid", "is_done", "is_error", "is_open", "is_stalled"):
            assert not bench.read(member), member
