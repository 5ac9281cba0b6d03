"""Result path: words of requantised sums, of norm elements and of hidden activations; latencies."""

from __future__ import annotations

from dataclasses import replace

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl import lane_selection, result_path, silu_multiply
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.rtl.instruction import split
from fastcar.rtl.result_path import ResultPathInputs, make_result_path
from fastcar.rtl.rms_norm import RmsNormOutputs
from tests.rtl import naive
from tests.rtl.wires import Bench, build_once, expose, pack, unpack

CONFIGS = [replace(TINY, num_lanes=num_lanes) for num_lanes in (4, 8, 32)]
"""One group of lanes, two, and eight."""


@build_once
def build(config: AcceleratorConfig) -> Bench:
    word_bits = config.word_bits
    names = ("clear", "is_norm", "is_silu", "element_valid")
    flags = {name: pyrtl.Input(1, name) for name in names}
    words = {
        name: pyrtl.Input(word_bits, name) for name in ("x_word", "parameter_word", "gate_word")
    }
    norm = RmsNormOutputs(
        pyrtl.Const(0, 1), pyrtl.Input(17, "mantissa"), pyrtl.Input(6, "norm_shift")
    )
    fields = split(pyrtl.Input(128, "instruction"))
    accumulator = pyrtl.Input(48, "accumulator")
    inputs = ResultPathInputs(**flags, **words, fields=fields, accumulator=accumulator, norm=norm)
    expose(make_result_path(config, "unit", inputs))
    return Bench()


def run(bench: Bench, sums: list[int], **constants: int) -> tuple[list[int], int]:
    """One word of elements without gaps: the results, and the cycles from the last ones on."""
    step = lane_selection.PAIR_LANES if constants.get("is_norm") else 1
    announced = [1] * (len(sums) // step)
    accumulators = [0] * (lane_selection.SELECT_CYCLES - 1) + sums
    for cycle in range(90):
        is_valid = int(cycle < len(announced))
        accumulator = accumulators[cycle] if cycle < len(accumulators) else 0
        bench.step(element_valid=is_valid, accumulator=accumulator, **constants)
        assert bench.read("is_word_selected") == (cycle == len(announced) - 1)
        if bench.read("word_valid"):
            return unpack(bench.read("word"), 16, len(sums)), cycle - len(announced) + 1
    raise AssertionError("no word came")


configs = st.sampled_from(CONFIGS)
LATENCY = result_path.latency_cycles(TINY)


def draw_lanes(data: st.DataObject, config: AcceleratorConfig, num_bits: int = 16) -> list[int]:
    """A signed number for each lane."""
    bound = 2 ** (num_bits - 1)
    numbers = st.lists(
        st.integers(-bound, bound - 1), min_size=config.num_lanes, max_size=config.num_lanes
    )
    return data.draw(numbers)


@given(st.data(), configs, st.integers(20, 47))
def test_sums_are_requantised_with_the_multipliers_of_their_rows(
    data: st.DataObject, config: AcceleratorConfig, shift: int
) -> None:
    accumulators, parameters = draw_lanes(data, config, 41), draw_lanes(data, config)
    word = {"parameter_word": pack(parameters, 16), "instruction": shift << 42}
    expected = [
        naive.requantize(accumulator, parameter & 0xFFFF, shift)
        for accumulator, parameter in zip(accumulators, parameters, strict=True)
    ]
    assert run(build(config), accumulators, **word) == (expected, LATENCY)


@given(st.data(), configs, st.integers(2**15, 2**16), st.integers(16, 39))
def test_norm_scales_x_by_gain_and_mantissa(
    data: st.DataObject, config: AcceleratorConfig, mantissa: int, shift: int
) -> None:
    x, gains = draw_lanes(data, config), draw_lanes(data, config)
    words = {"x_word": pack(x, 16), "parameter_word": pack(gains, 16)}
    products = [a * b for a, b in zip(x, gains, strict=True)]
    expected = [naive.requantize(value, mantissa, shift) for value in products]
    nothing = [0] * config.num_lanes
    found = run(build(config), nothing, is_norm=1, mantissa=mantissa, norm_shift=shift, **words)
    assert found == (expected, LATENCY + result_path.SCALE_CYCLES)


@given(st.data(), configs)
def test_hidden_takes_the_gate_of_its_row(data: st.DataObject, config: AcceleratorConfig) -> None:
    accumulators = draw_lanes(data, config, 41)
    parameters, gates = draw_lanes(data, config), draw_lanes(data, config)
    shift, gate_shift, hidden_shift, multiplier = 30, 2, 28, 40_000
    instruction = shift << 42 | gate_shift << 48 | hidden_shift << 50 | multiplier << 56
    words = {"parameter_word": pack(parameters, 16), "gate_word": pack(gates, 16)}
    ups = [
        naive.requantize(accumulator, parameter & 0xFFFF, shift)
        for accumulator, parameter in zip(accumulators, parameters, strict=True)
    ]
    expected = [
        naive.hidden(gate, up, gate_shift, multiplier, hidden_shift)
        for gate, up in zip(gates, ups, strict=True)
    ]
    cycles = LATENCY + result_path.UP_CYCLES + silu_multiply.latency_cycles(TINY)
    found = run(build(config), accumulators, is_silu=1, instruction=instruction, **words)
    assert found == (expected, cycles)


@pytest.mark.parametrize("num_before", [1, 3])
def test_clear_begins_a_new_word(num_before: int) -> None:
    bench = build(TINY)
    for _ in range(num_before):
        bench.step(element_valid=1, accumulator=99)
    bench.step(clear=1)
    ones = {"parameter_word": pack([1] * TINY.num_lanes, 16)}
    assert run(bench, [1, 2, 3, 4], **ones) == ([1, 2, 3, 4], LATENCY)
