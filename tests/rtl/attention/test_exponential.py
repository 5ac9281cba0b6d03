"""The exponential: equal to the reference for every place in an octave and every octave."""

from __future__ import annotations

import numpy as np
import pyrtl
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.integer.whole.softmax import compute_weights
from fastcar.rtl.attention import exponential
from fastcar.rtl.attention.exponential import ExponentialInputs, make_exponential
from tests.rtl.wires import Bench, build_once, make_inputs


@build_once
def build() -> Bench:
    inputs = make_inputs(ExponentialInputs, logit=24, visible=1, exponent=17)
    output = pyrtl.Output(16, "out_weight")
    output <<= make_exponential("unit", inputs)
    return Bench()


def run(keys: list[tuple[int, int, int]]) -> list[int]:
    """Weights of logits, exponents and visibilities, one in a cycle."""
    bench, found, exponent_before = build(), [], 0
    for logit, exponent, visible in [*keys, *[(0, 0, 0)] * exponential.LATENCY_CYCLES]:
        bench.step(logit=logit, visible=visible, exponent=exponent_before)
        exponent_before = exponent
        found.append(bench.read("weight"))
    return found[exponential.LATENCY_CYCLES :]


def compute(logit: int, exponent: int, visible: int) -> int:
    return int(compute_weights(np.array([logit]), np.array([exponent]))[0]) if visible else 0


def test_equals_the_reference_in_twenty_octaves() -> None:
    """From the largest weight to 0, and the octaves behind."""
    keys = [(-1 - index, 0, 1) for index in range(20 * 256)]
    assert run(keys) == [compute(*key) for key in keys]


exponents = st.integers(-32767, 32768)
distances = st.one_of(st.integers(1, 5000), st.integers(1, 2**24), st.integers(2**16, 2**16 + 999))


@given(st.lists(st.tuples(exponents, distances, st.integers(0, 1)), min_size=1))
def test_equals_the_reference_below_any_exponent(keys: list[tuple[int, int, int]]) -> None:
    drawn = [
        (max(-(2**23), 256 * exponent - distance), exponent, visible)
        for exponent, distance, visible in keys
    ]
    assert run(drawn) == [compute(*key) for key in drawn]


@given(st.integers(-(2**23), 2**23 - 1), exponents)
def test_what_is_not_visible_weighs_nothing(logit: int, exponent: int) -> None:
    """Also if it lies above the exponent."""
    assert run([(logit, exponent, 0)]) == [0]
