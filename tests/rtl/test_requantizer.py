"""Requantiser: equal to the naive rounding, ties upwards, saturation, latency, one per cycle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl import requantizer
from fastcar.rtl.config import TINY
from fastcar.rtl.requantizer import RequantizerInputs, make_requantizer
from tests.rtl import naive
from tests.rtl.wires import Bench, build_once, expose, make_inputs, to_signed

LATENCY = requantizer.latency_cycles(TINY)


@build_once
def build(accumulator_bits: int = 48, multiplier_bits: int = 17) -> Bench:
    inputs = make_inputs(
        RequantizerInputs,
        clear=1,
        valid=1,
        accumulator=accumulator_bits,
        multiplier=multiplier_bits,
        shift=6,
    )
    expose(make_requantizer("unit", inputs))
    return Bench()


def run(bench: Bench, pairs: list[tuple[int, int]], shift: int) -> list[int]:
    """Results of values given one per cycle, collected where `valid` says so."""
    results = []
    for accumulator, multiplier in pairs:
        bench.step(valid=1, accumulator=accumulator, multiplier=multiplier, shift=shift)
        if bench.read("valid"):
            results.append(to_signed(bench.read("result"), 16))
    for _ in range(LATENCY):
        bench.step(shift=shift)
        if bench.read("valid"):
            results.append(to_signed(bench.read("result"), 16))
    return results


accumulators = st.one_of(
    st.integers(-(2**47), 2**47 - 1),
    st.integers(-(2**20), 2**20),
    st.sampled_from([-(2**47), 2**47 - 1, 0, -1, 1]),
)
multipliers = st.one_of(st.integers(0, 65536), st.sampled_from([0, 1, 65535, 65536]))


@given(st.lists(st.tuples(accumulators, multipliers), min_size=1), st.integers(0, 63))
def test_equals_the_naive_rounding(pairs: list[tuple[int, int]], shift: int) -> None:
    assert run(build(), pairs, shift) == [naive.requantize(a, m, shift) for a, m in pairs]


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40 - 1), multipliers), min_size=1))
def test_equals_the_naive_rounding_for_another_width(pairs: list[tuple[int, int]]) -> None:
    assert run(build(41), pairs, 30) == [naive.requantize(a, m, 30) for a, m in pairs]


@given(st.integers(1, 47), st.integers(-300, 300))
def test_ties_go_upwards(shift: int, quotient: int) -> None:
    """The contract, without a model: quotient + 1/2 becomes quotient + 1, one less stays."""
    tie = (2 * quotient + 1) << (shift - 1)
    if not -(2**47) <= tie < 2**47:
        return
    assert run(build(), [(tie, 1), (tie - 1, 1)], shift) == [quotient + 1, quotient]


@given(st.integers(16, 46), st.integers(-3, 3), st.integers(0, 63))
def test_a_value_around_a_power_of_two_saturates(power: int, offset: int, shift: int) -> None:
    """Its lower bits alone, all that a narrow step would keep, are a small number."""
    value = (1 << power) + offset
    pairs = [(value, 1), (-value, 1)]
    assert run(build(), pairs, shift) == [naive.requantize(a, m, shift) for a, m in pairs]


def test_saturates_symmetrically() -> None:
    pairs = [
        (32767, 1),
        (32768, 1),
        (-32767, 1),
        (-32768, 1),
        (2**47 - 1, 65536),
        (-(2**47), 65536),
    ]
    assert run(build(), pairs, 0) == [32767, 32767, -32767, -32767, 32767, -32767]


@given(st.integers(1, 30))
def test_what_rounds_up_to_32768_saturates(shift: int) -> None:
    """32767 and a half fits before it is rounded, and wraps around after it."""
    tie = 65535 << (shift - 1)
    pairs = [(tie, 1), (tie - 1, 1), (-tie - 1, 1)]
    assert run(build(), pairs, shift) == [32767, 32767, -32767]


def test_latency_is_measured() -> None:
    bench = build()
    valid = []
    for cycle in range(10):
        bench.step(valid=cycle == 0, accumulator=7, multiplier=1)
        valid.append(bench.read("valid"))
    assert valid.index(1) == LATENCY
    assert sum(valid) == 1


def test_clear_forgets_what_is_under_way() -> None:
    bench = build()
    for _ in range(LATENCY):
        bench.step(valid=1, accumulator=7, multiplier=1)
    bench.step(clear=1)
    for _ in range(LATENCY + 1):
        bench.step()
        assert not bench.read("valid")
