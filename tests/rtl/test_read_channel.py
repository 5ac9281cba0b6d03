"""Read channel: one request, exactly its beats, however memory stalls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl.read_channel import ReadChannelInputs, make_read_channel
from tests.rtl.wires import Bench, build_once, expose, make_inputs


@build_once
def build() -> Bench:
    one_bit = ("reset", "forget", "start", "request_ready", "response_valid", "response_error")
    widths = dict.fromkeys(one_bit, 1)
    inputs = make_inputs(ReadChannelInputs, **widths, address=32, num_beats=16)
    expose(make_read_channel("unit", inputs))
    return Bench()


@given(st.integers(1, 9), st.integers(0, 3), st.lists(st.booleans()), st.data())
def test_takes_exactly_the_beats_of_one_request(
    num_beats: int, cycles_unready: int, gaps: list[bool], data: st.DataObject
) -> None:
    bench = build()
    request = {"address": 77, "num_beats": num_beats}
    error_beat = data.draw(st.integers(0, num_beats))
    bench.step(start=1)
    assert not bench.read("is_open")
    for cycle in range(cycles_unready + 1):
        bench.step(**request, request_ready=cycle == cycles_unready)
        assert bench.read("request_valid")
        assert (bench.read("request_address"), bench.read("request_num_beats")) == (77, num_beats)
        assert bench.read("is_stalled") == (cycle != cycles_unready)
    taken = 0
    for is_gap in [*gaps, *[False] * num_beats]:
        if taken == num_beats:
            break
        is_error = taken == error_beat
        bench.step(**request, response_valid=not is_gap, response_error=is_error and not is_gap)
        assert bench.read("response_ready")
        assert bench.read("is_stalled") == is_gap
        assert bench.read("is_beat") == (not is_gap and not is_error)
        assert bench.read("is_error") == (not is_gap and is_error)
        taken += not is_gap
    bench.step(**request)
    assert not bench.read("is_open")
    assert not bench.read("response_ready")


def test_beats_from_before_a_reset_are_taken_and_dropped() -> None:
    bench = build()
    request = {"address": 5, "num_beats": 3}
    bench.step(start=1)
    bench.step(**request, request_ready=1, reset=1)  # Memory takes it in the cycle of the reset.
    for number in range(4):
        bench.step(response_valid=number < 3, response_error=number == 1)
        assert bench.read("response_ready") == bench.read("is_stale") == (number < 3)
        for member in ("is_beat", "is_error", "is_open", "is_stalled", "request_valid"):
            assert not bench.read(member), member


def test_a_reset_withdraws_a_request_and_may_forget_the_beats() -> None:
    bench = build()
    for is_forgotten in (False, True):
        bench.step(start=1)
        bench.step(num_beats=2, request_ready=int(is_forgotten))
        bench.step(num_beats=2, reset=1, forget=int(is_forgotten))
        bench.step()
        assert not bench.read("request_valid")
        assert not bench.read("is_stale")
        assert not bench.read("response_ready")
