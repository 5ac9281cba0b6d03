"""SiLU times up: equal to the naive formula, and its shape without a model."""

from __future__ import annotations

from math import exp

import pyrtl
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl import silu_multiply
from fastcar.rtl.config import TINY
from fastcar.rtl.silu_multiply import LentInputs, SiluMultiplyInputs, make_silu_multiply
from tests.rtl import naive
from tests.rtl.wires import Bench, build_once, expose, to_signed

LATENCY = silu_multiply.latency_cycles(TINY)
LENT_WIDTHS = {"valid": 1, "left": 16, "right": 16, "multiplier": 17, "shift": 6}


@build_once
def build() -> Bench:
    widths = {"gate": 16, "up": 16, "gate_shift": 2, "multiplier": 16, "shift": 6}
    names = {"clear": 1, "valid": 1, **widths, "is_lent": 1}
    lent = LentInputs(
        **{name: pyrtl.Input(bits, f"lent_{name}") for name, bits in LENT_WIDTHS.items()}
    )
    wires = {name: pyrtl.Input(bits, name) for name, bits in names.items()}
    expose(make_silu_multiply("unit", SiluMultiplyInputs(**wires, lent=lent))[0])
    return Bench()


def run(
    bench: Bench, pairs: list[tuple[int, int]], gate_shift: int, multiplier: int, shift: int
) -> list[int]:
    """Results of pairs that come one in a cycle; a gate comes SILU_CYCLES before its up."""
    results = []
    constants = {"gate_shift": gate_shift, "multiplier": multiplier, "shift": shift}
    gates = [gate for gate, _ in pairs]
    ups = [0] * silu_multiply.SILU_CYCLES + [up for _, up in pairs]
    for cycle in range(len(ups) + LATENCY):
        gate = gates[cycle] if cycle < len(gates) else 0
        up = ups[cycle] if cycle < len(ups) else 0
        is_up = silu_multiply.SILU_CYCLES <= cycle < len(ups)
        bench.step(valid=is_up, gate=gate, up=up, **constants)
        if bench.read("valid"):
            results.append(to_signed(bench.read("result"), 16))
    return results


int16 = st.one_of(
    st.integers(-(2**15), 2**15 - 1),
    st.integers(-200, 200),
    st.sampled_from([-(2**15), -32767, 32767, 0, -1, 1, 4095, 4096, -4096, 16383, 16384]),
)


@given(
    st.lists(st.tuples(int16, int16), min_size=1),
    st.integers(0, 3),
    st.integers(0, 65535),
    st.integers(0, 63),
)
def test_equals_the_naive_formula(
    pairs: list[tuple[int, int]], gate_shift: int, multiplier: int, shift: int
) -> None:
    expected = [naive.hidden(gate, up, gate_shift, multiplier, shift) for gate, up in pairs]
    assert run(build(), pairs, gate_shift, multiplier, shift) == expected


@given(st.integers(-32767, 32767), st.integers(0, 3))
def test_follows_the_float_silu(gate: int, gate_shift: int) -> None:
    """The contract, without a table: silu with 11 - gate_shift fraction bits, up = 1.0."""
    value = gate * 2.0 ** (gate_shift - 11)
    expected = value / (1 + exp(-value)) if value > -700 else 0.0
    found = run(build(), [(gate, 1 << 14)], gate_shift, 1, 14 + 15 - 8)[0] / 2.0**8
    assert abs(found - expected) <= 2.0**-9 + 2.0**-12


def test_latency_is_measured() -> None:
    bench = build()
    valid = []
    for cycle in range(16):
        bench.step(valid=cycle == 0)
        valid.append(bench.read("valid"))
    assert valid.index(1) == LATENCY
    assert sum(valid) == 1


@given(st.lists(st.tuples(int16, int16), min_size=1), st.integers(0, 65536), st.integers(0, 63))
def test_lends_product_and_requantiser(
    pairs: list[tuple[int, int]], multiplier: int, shift: int
) -> None:
    """The lent factors take the place of up, and the gates count no more."""
    bench = build()
    found: list[tuple[int, int]] = []
    constants = {"is_lent": 1, "lent_multiplier": multiplier, "lent_shift": shift}
    for left, right in [*pairs, *[(0, 0)] * LATENCY]:
        is_pair = int(len(found) < len(pairs))
        bench.step(lent_valid=is_pair, lent_left=left, lent_right=right, gate=77, **constants)
        found.append((bench.read("valid"), to_signed(bench.read("result"), 16)))
    expected = [naive.requantize(left * right, multiplier, shift) for left, right in pairs]
    assert found[LATENCY:] == [(1, result) for result in expected]
    assert not any(valid for valid, _ in found[:LATENCY])
