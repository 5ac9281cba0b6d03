"""Reciprocal square root: equal to the naive table look-up, and close to the true value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.tables import RSQRT_FIRST_INDEX, RSQRT_TABLE
from fastcar.rtl import rms_norm
from fastcar.rtl.config import TINY
from fastcar.rtl.rms_norm import RmsNormInputs, make_rms_norm
from tests.rtl import naive
from tests.rtl.wires import Bench, build_once, expose, make_inputs

LATENCY = rms_norm.latency_cycles(TINY)


@build_once
def build() -> Bench:
    inputs = make_inputs(RmsNormInputs, clear=1, valid=1, sum_of_squares=48, epsilon=48)
    expose(make_rms_norm("unit", inputs))
    return Bench()


def run(bench: Bench, sum_of_squares: int, epsilon: int) -> tuple[int, int]:
    bench.step(valid=1, sum_of_squares=sum_of_squares, epsilon=epsilon)
    for _ in range(LATENCY):
        bench.step()
    assert bench.read("is_ready")
    for _ in range(rms_norm.MANTISSA_CYCLES - LATENCY):
        bench.step(sum_of_squares=1, epsilon=1)  # Not valid: the result stays.
        assert not bench.read("is_ready")
    return bench.read("mantissa"), bench.read("shift")


values = st.one_of(
    st.integers(1, 2**47 - 1),
    st.integers(1, 300),
    st.builds(lambda bits, off: max(1, (1 << bits) + off), st.integers(0, 46), st.integers(-2, 2)),
)


@given(st.lists(values, min_size=1, max_size=10))
def test_equals_the_naive_look_up(samples: list[int]) -> None:
    bench = build()
    for value in [*samples, 1, 2**47 - 1]:
        mantissa, t = naive.rsqrt(value)
        assert run(bench, value - 1, 1) == (mantissa, 16 + t)


def test_ties_of_the_interpolation_go_upwards() -> None:
    """Half-way between two entries that differ by an odd number the mantissa is a tie."""
    bench, num_ties = build(), 0
    for place in range(0, len(RSQRT_TABLE) - 1, 8):
        this, following = RSQRT_TABLE[place : place + 2]
        if (this - following) % 2:
            value = ((place + RSQRT_FIRST_INDEX) << 39 | 128 << 31) >> 2
            mantissa, _ = run(bench, 0, value)
            assert mantissa == (this + following + 1) // 2
            num_ties += 1
    assert num_ties > 10


@given(values)
def test_is_close_to_the_true_value(value: int) -> None:
    """The contract, without a table: the relative error stays below 2^-14."""
    mantissa, shift = run(build(), 0, value)
    true = naive.exact_rsqrt_scaled(value, 60)
    found = mantissa << (60 - shift)
    assert abs(found - true) <= true >> 14


def test_latency_is_measured() -> None:
    bench = build()
    ready = []
    for cycle in range(10):
        bench.step(valid=cycle == 0, epsilon=5)
        ready.append(bench.read("is_ready"))
    assert ready.index(1) == LATENCY
    assert sum(ready) == 1
