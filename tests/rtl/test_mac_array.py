"""MAC array: rows of beats in every mode, with and without gaps, for several numbers of lanes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl import mac_array
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.rtl.mac_array import MacArrayInputs, MacMode, make_mac_array
from tests.rtl import naive
from tests.rtl.wires import Bench, build_once, expose, make_inputs, pack, to_signed

Beat = tuple[list[int], list[int], list[int]]


@build_once
def build(config: AcceleratorConfig) -> Bench:
    inputs = make_inputs(
        MacArrayInputs,
        **dict.fromkeys(("clear", "valid", "is_first", "is_last"), 1),
        mode=2,
        left=config.word_bits,
        right=config.word_bits,
        weights=config.beat_bits,
    )
    expose(make_mac_array(config, "unit", inputs))
    return Bench()


def run(
    bench: Bench, config: AcceleratorConfig, mode: MacMode, rows: list[list[Beat]], gaps: list[bool]
) -> list[int]:
    """Sums of the rows, in the order in which `valid` shows them; a gap is a cycle without beat."""
    sums = []
    beats = [
        (index == 0, index == len(row) - 1, beat) for row in rows for index, beat in enumerate(row)
    ]
    gap_queue = list(gaps)
    latency = mac_array.latency_cycles(config)
    idle = 0
    while beats or idle < latency + 1:
        if beats and not (gap_queue and gap_queue.pop()):
            is_first, is_last, (left, right, weights) = beats.pop(0)
            bench.step(
                valid=1,
                is_first=is_first,
                is_last=is_last,
                mode=mode,
                left=pack(left, 16),
                right=pack(right, 16),
                weights=pack(weights, 8),
            )
        else:
            bench.step(mode=mode, is_first=1, is_last=1, left=1)
            idle += not beats
        if bench.read("valid"):
            sums.append(to_signed(bench.read("accumulator"), 48))
    return sums


def compute_naive(mode: MacMode, row: list[Beat]) -> int:
    left = [value for beat in row for value in beat[0]]
    right = [value for beat in row for value in beat[1]]
    weights = [value for beat in row for value in beat[2]]
    if mode is MacMode.SQUARED_DIFFERENCE:
        return naive.squared_distance(left, right)
    return naive.dot(left, {MacMode.WEIGHTS: weights, MacMode.SQUARE: left}.get(mode, right))


int16 = st.one_of(st.integers(-(2**15), 2**15 - 1), st.sampled_from([-(2**15), 2**15 - 1]))
int8 = st.one_of(st.integers(-128, 127), st.sampled_from([-128, 127]))


def list_beats(num_lanes: int) -> st.SearchStrategy[Beat]:
    words = st.lists(int16, min_size=num_lanes, max_size=num_lanes)
    weights = st.lists(int8, min_size=num_lanes, max_size=num_lanes)
    return st.tuples(words, words, weights)


@given(st.data(), st.sampled_from([4, 8, 16]), st.sampled_from(MacMode))
def test_equals_the_naive_sums(data: st.DataObject, num_lanes: int, mode: MacMode) -> None:
    config = replace(TINY, num_lanes=num_lanes)
    row = st.lists(list_beats(num_lanes), min_size=1, max_size=3)
    rows = data.draw(st.lists(row, min_size=1, max_size=4))
    gaps = data.draw(st.lists(st.booleans(), max_size=8))
    expected = [compute_naive(mode, row) for row in rows]
    assert run(build(config), config, mode, rows, gaps) == expected


@pytest.mark.parametrize("num_lanes", [4, 8, 16, 32, 64])
def test_latency_is_measured(num_lanes: int) -> None:
    config = replace(TINY, num_lanes=num_lanes)
    bench = build(config)
    valid, coming = [], []
    for cycle in range(12):
        bench.step(valid=cycle == 0, is_first=1, is_last=1, left=5, weights=1)
        valid.append(bench.read("valid"))
        coming.append(bench.read("is_coming"))
    assert valid.index(1) == mac_array.latency_cycles(config)
    assert coming.index(1) == valid.index(1) - mac_array.SOON_CYCLES
    assert sum(valid) == sum(coming) == 1


def test_a_long_row_of_extreme_values_does_not_overflow() -> None:
    """4,095 words of squared differences of 65,535 stay far below 2^47."""
    bench = build(TINY)
    left, right = pack([-(2**15)] * 4, 16), pack([2**15 - 1] * 4, 16)
    num_beats = 4095
    for beat in range(num_beats):
        bench.step(
            valid=1,
            is_first=beat == 0,
            is_last=beat == num_beats - 1,
            mode=MacMode.SQUARED_DIFFERENCE,
            left=left,
            right=right,
        )
    for _ in range(mac_array.latency_cycles(TINY)):
        bench.step()
    assert bench.read("valid")
    assert bench.read("accumulator") == num_beats * 4 * 65535**2
