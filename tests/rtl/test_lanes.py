"""Signed arithmetic on wires: saturation, sums, differences, words of lanes."""

from __future__ import annotations

import pyrtl
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl import lanes
from tests.rtl import naive
from tests.rtl.wires import Bench, build_once, pack, to_signed


@build_once
def build_saturate(num_bits: int) -> Bench:
    result = pyrtl.Output(16, "out_result")
    result <<= lanes.saturate(pyrtl.Input(num_bits, "value"))
    return Bench()


@given(st.data(), st.sampled_from([16, 17, 18, 40]))
def test_saturate_equals_the_naive_limit(data: st.DataObject, num_bits: int) -> None:
    bench = build_saturate(num_bits)
    edges = [edge for edge in (-32769, -32768, -32767, 32767, 32768) if -(2**15) <= edge < 2**15]
    limits = [-(1 << (num_bits - 1)), (1 << (num_bits - 1)) - 1]
    values = data.draw(st.lists(st.integers(*limits), max_size=20))
    for value in [*values, *edges, *limits]:
        bench.step(value=value)
        assert to_signed(bench.read("result"), 16) == naive.saturate(value)


int16 = st.integers(-(2**15), 2**15 - 1)


@build_once
def build_arithmetic() -> Bench:
    left, right = pyrtl.Input(16, "left"), pyrtl.Input(12, "right")
    results = {
        "sum": lanes.signed_sum(left, right),
        "difference": lanes.signed_difference(left, right),
        "reverse": lanes.signed_difference(right, left),
        "product": lanes.signed_product(left, right),
    }
    for name, wire in results.items():
        output = pyrtl.Output(len(wire), f"out_{name}")
        output <<= wire
    return Bench()


@given(int16, st.integers(-(2**11), 2**11 - 1))
def test_sum_difference_and_product_lose_no_bit(a: int, b: int) -> None:
    bench = build_arithmetic()
    bench.step(left=a, right=b)
    expected = {"sum": a + b, "difference": a - b, "reverse": b - a, "product": a * b}
    for name, value in expected.items():
        num_bits = 28 if name == "product" else 17
        assert to_signed(bench.read(name), num_bits) == value


@build_once
def build_selection() -> Bench:
    result = pyrtl.Output(16, "out_result")
    result <<= lanes.select_lane(pyrtl.Input(128, "word"), pyrtl.Input(3, "lane"), 16)
    return Bench()


@given(st.integers(0, 7), st.lists(int16, min_size=8, max_size=8))
def test_select_lane_finds_the_lane(lane: int, values: list[int]) -> None:
    bench = build_selection()
    bench.step(word=pack(values, 16), lane=lane)
    assert to_signed(bench.read("result"), 16) == values[lane]
