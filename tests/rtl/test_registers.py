"""Registers: priority of their cases, clear, wrap-around, and refused widths."""

from __future__ import annotations

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.rtl import registers
from tests.rtl.wires import Bench, build_once

flags = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=20)


@build_once
def build_register() -> Bench:
    clear, first, second = (pyrtl.Input(1, name) for name in ("clear", "first", "second"))
    register = registers.make_register(4, "unit")
    registers.drive(register, (first, registers.increment(register)), (second, 9), clear=clear)
    output = pyrtl.Output(4, "out_value")
    output <<= register
    return Bench()


@given(flags)
def test_clear_wins_then_the_first_true_case(steps: list[tuple[bool, bool, bool]]) -> None:
    bench, expected = build_register(), 0
    for is_clear, is_first, is_second in steps:
        bench.step(clear=is_clear, first=is_first, second=is_second)
        assert bench.read("value") == expected
        if is_clear:
            expected = 0
        elif is_first:
            expected = (expected + 1) % 16
        elif is_second:
            expected = 9


@build_once
def build_delay(num_cycles: int) -> Bench:
    output = pyrtl.Output(8, "out_value")
    output <<= registers.delay(pyrtl.Input(8, "value"), num_cycles, "unit")
    return Bench()


@given(st.lists(st.integers(0, 255), min_size=5, max_size=20), st.integers(0, 4))
def test_delay_gives_the_value_of_earlier(values: list[int], num_cycles: int) -> None:
    bench = build_delay(num_cycles)
    for cycle, value in enumerate(values):
        bench.step(value=value)
        assert bench.read("value") == (values[cycle - num_cycles] if cycle >= num_cycles else 0)


def test_a_value_wider_than_its_register_is_refused() -> None:
    pyrtl.reset_working_block()
    register = registers.make_register(4, "narrow")
    with pytest.raises(ArgumentError, match=r"^len\(value\) = 5: must be at most 4$"):
        registers.drive(register, (pyrtl.Const(1), pyrtl.Const(0, 5)))
