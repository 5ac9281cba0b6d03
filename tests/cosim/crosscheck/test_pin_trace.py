"""Traces of pins: written, read, and compared where comparing means something."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.crosscheck.pin_trace import (
    Difference,
    PinTrace,
    Stimulus,
    count_compared,
    count_mismatches,
    count_undefined,
    find_difference,
    format_line,
    parse_line,
    split_ports,
)
from fastcar.cosim.verilog.verilog_ports import Port
from fastcar.reference.errors import ArgumentError

RESET = Port("reset", 1, True)
OUTPUTS = (
    Port("done", 1, False),
    Port("retire_valid", 1, False),
    Port("retire_digest", 32, False),
)
WANTED = ("1 1 11111111", "0 0 00000000", "0 0 00000000", "0 1 000000ab", "1 0 000000ab")


def make_stimulus(num_cycles: int = 5) -> Stimulus:
    return Stimulus((RESET,), OUTPUTS, ("1", *["0"] * (num_cycles - 1)), first_compared=1)


def compare(*lines: str) -> tuple[int, Difference | None]:
    wanted, found = PinTrace("one", WANTED, 1.0), PinTrace("other", lines, 1.0)
    stimulus = make_stimulus()
    return (
        count_mismatches(stimulus, wanted, found),
        find_difference(stimulus, wanted, found),
    )


def change(cycle: int, line: str) -> tuple[str, ...]:
    return (*WANTED[:cycle], line, *WANTED[cycle + 1 :])


def test_equal_traces_have_no_difference() -> None:
    assert compare(*WANTED) == (0, None)


def test_what_power_up_left_is_not_compared() -> None:
    assert compare(*change(0, "x x xxxxxxxx")) == (0, None)


def test_a_payload_counts_where_its_valid_is_1() -> None:
    assert compare(*change(2, "0 0 xxxxxxxX")) == (0, None)
    assert compare(*change(4, "1 0 xxxxxxxx")) == (0, None)
    assert compare(*change(3, "0 1 xxxxxxxx"))[0] == 1
    assert count_compared(make_stimulus(), PinTrace("one", WANTED, 1.0)) == 2 * 4 + 1


def test_undefined_values_are_counted_apart() -> None:
    wanted = PinTrace("one", WANTED, 1.0)
    found = PinTrace("other", change(4, "1 0 xxxxxxxx"), 1.0)
    assert count_undefined(make_stimulus(), wanted, found) == 1
    found = PinTrace("other", change(3, "1 1 000000ac"), 1.0)
    assert count_undefined(make_stimulus(), wanted, found) == 0


def test_a_payload_that_is_never_valid_is_never_compared() -> None:
    quiet = PinTrace("one", ("0 0 00000000",) * 5, 1.0)
    noisy = PinTrace("other", ("0 0 xxxxxxxx",) * 5, 1.0)
    assert count_mismatches(make_stimulus(), quiet, noisy) == 0
    assert count_undefined(make_stimulus(), quiet, noisy) == 4
    assert count_compared(make_stimulus(), quiet) == 2 * 4


@pytest.mark.parametrize(
    ("cycle", "line", "text"),
    [
        (1, "x 0 00000000", "cycle 1: done = x: expected 0"),
        (1, "0 x 00000000", "cycle 1: retire_valid = x: expected 0"),
        (3, "0 1 000000aX", "cycle 3: retire_digest = 000000aX: expected 000000ab"),
        (4, "0 0 000000ab", "cycle 4: done = 0: expected 1"),
    ],
)
def test_a_difference_names_cycle_port_and_values(cycle: int, line: str, text: str) -> None:
    count, difference = compare(*change(cycle, line))
    assert count == 1
    assert str(difference) == text


def test_the_first_difference_is_given_and_all_are_counted() -> None:
    count, difference = compare(*change(3, "1 0 000000ac")[:4], "0 0 000000ab")
    assert count == 4
    assert difference == Difference(3, "done", "1", "0")


def test_a_trace_of_another_length_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^other = '4 cycles': must be 5 cycles, as "):
        compare(*WANTED[:4])


@given(st.data())
def test_a_line_is_read_as_it_was_written(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 130), min_size=1, max_size=6))
    ports = tuple(Port(f"port{place}", size, True) for place, size in enumerate(sizes))
    values = {port.name: data.draw(st.integers(0, 2**port.num_bits - 1)) for port in ports}
    line = format_line(ports, values.__getitem__)
    assert parse_line(ports, line) == values
    assert [len(word) for word in line.split(" ")] == [-(-size // 4) for size in sizes]
    assert re.fullmatch(r"[0-9a-f ]+", line)


def test_ports_are_split_in_their_order() -> None:
    clear = replace(RESET, name="clear")
    assert split_ports([RESET, *OUTPUTS, clear]) == ((RESET, clear), OUTPUTS)


def test_a_stimulus_is_a_file_of_lines() -> None:
    assert make_stimulus(3).text == "1\n0\n0\n"
