"""Integer units against Python integers, and what holds of them without any model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastcar.reference.arrays import Int16Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.units import (
    MAX_ACCUMULATOR,
    add_residual,
    check_width,
    compute_accumulators,
    compute_accumulators_in_float,
    compute_integer_distance,
    compute_integer_hidden,
    compute_integer_rms_norm,
    compute_integer_silu,
    compute_rsqrt,
    is_distance_kept,
    requantize,
    saturate,
    shift_rounding,
)
from tests.reference.integer import naive as naive

EXTREMES = (-32767, -32766, -1, 0, 1, 32766, 32767)
activations = st.sampled_from(EXTREMES) | st.integers(-32767, 32767)
any_int16 = activations | st.just(-32768)
weights = st.sampled_from((-127, -1, 0, 1, 127)) | st.integers(-127, 127)
multipliers = st.sampled_from((0, 1, 32768, 65535)) | st.integers(0, 65535)
shifts = st.integers(0, 47)
accumulators = (
    st.sampled_from((-MAX_ACCUMULATOR - 1, MAX_ACCUMULATOR, -1, 0, 1))
    | st.integers(-MAX_ACCUMULATOR - 1, MAX_ACCUMULATOR)
    | st.integers(-(2**20), 2**20)
)
squares = st.integers(1, MAX_ACCUMULATOR) | st.integers(0, 46).map(lambda bits: 1 << bits)


def make_rows(rows: list[list[int]]) -> Int16Array:
    return np.array(rows, np.int16)


@st.composite
def row_lists(draw: st.DrawFn, elements: Any = activations, most: int = 3) -> list[list[int]]:
    width = draw(st.integers(1, 9))
    row = st.lists(elements, min_size=width, max_size=width)
    return draw(st.lists(row, min_size=1, max_size=most))


@given(st.integers(-(2**62), 2**62), shifts)
def test_rounding_shift_is_floor_of_z_plus_a_half(value: int, shift: int) -> None:
    assert int(shift_rounding(np.array([value]), shift)[0]) == naive.round_shift(value, shift)


@given(st.integers(-(2**40), 2**40), st.integers(1, 20))
def test_ties_go_up(whole: int, shift: int) -> None:
    tie = (whole << shift) + (1 << (shift - 1))
    assert shift_rounding(np.array([tie, tie - 1]), shift).tolist() == [whole + 1, whole]


@given(accumulators, multipliers, shifts)
@example(MAX_ACCUMULATOR, 65535, 47)
@example(-MAX_ACCUMULATOR - 1, 65535, 47)
@example(-MAX_ACCUMULATOR - 1, 65535, 0)
def test_requantisation_is_exact_to_the_last_accumulator(
    accumulator: int, multiplier: int, shift: int
) -> None:
    found = requantize(np.array([accumulator]), multiplier, shift)
    assert found.tolist() == [naive.requantize(accumulator, multiplier, shift)]


@given(st.lists(accumulators, min_size=2, max_size=5), multipliers, shifts)
def test_requantisation_never_falls_and_stays_symmetric(
    values: list[int], multiplier: int, shift: int
) -> None:
    found = requantize(np.array(sorted(values)), multiplier, shift)
    assert (np.diff(found.astype(int)) >= 0).all()
    assert found.min() >= -32767


def test_every_output_has_its_own_multiplier() -> None:
    sums = np.array([[100, 100], [-7, 7]])
    found = requantize(sums, np.array([1, 2], np.uint16), 1)
    assert found.tolist() == [[50, 100], [-3, 7]]


@given(squares)
@example(1)
@example(MAX_ACCUMULATOR)
@example(2**46 - 1)
def test_rsqrt_is_the_specified_one(square: int) -> None:
    root, half_exponent = compute_rsqrt(np.array([square]))
    assert (int(root[0]), int(half_exponent[0])) == naive.rsqrt(square)


@given(squares)
def test_root_fits_its_wires(square: int) -> None:
    root, half_exponent = compute_rsqrt(np.array([square]))
    assert 32768 <= root[0] <= 65536
    assert 0 <= half_exponent[0] <= 23


@pytest.mark.parametrize("square", [0, -5, 1 << 47])
def test_rsqrt_refuses_what_its_mantissa_does_not_hold(square: int) -> None:
    with pytest.raises(ArgumentError, match=r"^squares = -?\d+: must be at least 1 and below"):
        compute_rsqrt(np.array([3, square]))


@given(row_lists(any_int16), st.integers(1, 2**40), st.data())
def test_norm_is_the_specified_one(
    rows: list[list[int]], epsilon: int, data: st.DataObject
) -> None:
    width = len(rows[0])
    gains = data.draw(st.lists(activations, min_size=width, max_size=width))
    found = compute_integer_rms_norm(make_rows(rows), np.array(gains, np.int16), epsilon)
    assert found.tolist() == [naive.rms_norm(row, gains, epsilon) for row in rows]


@given(st.integers(1, 8), activations)
def test_norm_of_a_lone_spike_is_its_gain(width: int, spike: int) -> None:
    rows = np.zeros((1, width), np.int16)
    rows[0, 0] = spike
    found = compute_integer_rms_norm(rows, np.full(width, 32767, np.int16), epsilon=1)
    assert (found[0, 1:] == 0).all()
    expected = 32767 * spike / np.sqrt(spike**2 + 1)
    assert abs(found[0, 0] - expected) <= 2  # 1 of rounding, 1 of the table


@given(row_lists(any_int16), st.data())
def test_products_are_exact_in_both_twins(rows: list[list[int]], data: st.DataObject) -> None:
    width = len(rows[0])
    row = st.lists(weights, min_size=width, max_size=width)
    matrix = data.draw(st.lists(row, min_size=1, max_size=4))
    expected = [[naive.dot(vector, line) for line in matrix] for vector in rows]
    narrow = np.array(matrix, np.int8)
    assert compute_accumulators(make_rows(rows), narrow).tolist() == expected
    in_float = compute_accumulators_in_float(make_rows(rows), narrow.astype(np.float64))
    assert in_float.dtype == np.int64
    assert in_float.tolist() == expected


def test_twins_agree_where_the_sums_are_largest() -> None:
    width = 4096
    rows = np.array([[32767] * width, [-32768] * width], np.int16)
    matrix = np.array([[127] * width, [-127] * (width - 1) + [126]], np.int8)
    exact = compute_accumulators(rows, matrix)
    assert exact[1, 0] == -32768 * 127 * width
    assert np.array_equal(compute_accumulators_in_float(rows, matrix.astype(np.float64)), exact)


def test_width_whose_sums_might_overflow_is_refused() -> None:
    largest = (2**47 - 1) // (127 * 32768)
    check_width(largest)
    with pytest.raises(ArgumentError, match=rf"^inputs of a matrix = {largest + 1}: must be from"):
        check_width(largest + 1)


@given(any_int16, st.integers(0, 3))
@example(-32768, 3)
@example(32767, 0)
@example(16384, 1)
@example(-16384, 1)
def test_silu_is_the_specified_one(gate: int, gate_shift: int) -> None:
    found = int(compute_integer_silu(np.array([gate], np.int16), gate_shift)[0])
    assert found == naive.silu(gate, gate_shift)
    assert -(1 << 22) <= found <= 1 << 22


def test_silu_is_specified_on_every_gate() -> None:
    gates = np.arange(-32768, 32768).astype(np.int16)
    for gate_shift in range(4):
        found = compute_integer_silu(gates, gate_shift)
        assert found.tolist() == [naive.silu(int(gate), gate_shift) for gate in gates]


def test_silu_of_minus_a_is_silu_of_a_minus_a() -> None:
    gates = np.arange(1, 32768).astype(np.int16)
    for gate_shift in range(4):
        positive = compute_integer_silu(gates, gate_shift)
        linear = gates.astype(np.int64) << (gate_shift + 4)
        assert np.array_equal(compute_integer_silu(-gates, gate_shift), positive - linear)


@pytest.mark.parametrize("gate_shift", [-1, 4])
def test_gate_shift_outside_its_field_is_refused(gate_shift: int) -> None:
    with pytest.raises(ArgumentError, match=r"^gate_shift = -?\d: must be in \[0, 3\]$"):
        compute_integer_silu(np.zeros(1, np.int16), gate_shift)


@given(any_int16, any_int16, st.integers(0, 3), multipliers, shifts)
@example(32767, -32768, 3, 65535, 47)
@example(32767, 32767, 3, 65535, 0)
def test_hidden_is_the_specified_one(
    gate: int, up: int, gate_shift: int, multiplier: int, shift: int
) -> None:
    arguments = gate_shift, multiplier, shift
    found = compute_integer_hidden(np.array([gate], np.int16), np.array([up], np.int16), *arguments)
    assert found.tolist() == [naive.hidden(gate, up, *arguments)]


@given(any_int16, any_int16)
@example(32767, 32767)
@example(-32768, -32768)
def test_sum_saturates_symmetrically(x: int, y: int) -> None:
    found = add_residual(np.array([x], np.int16), np.array([y], np.int16))
    assert found.tolist() == [naive.limit(x + y)]
    assert found.dtype == np.int16


@given(st.integers(-(2**62), 2**62))
def test_saturation_keeps_what_fits(value: int) -> None:
    assert int(saturate(np.array([value]))[0]) == naive.limit(value)


@given(row_lists(most=1), st.data())
def test_distance_is_the_specified_one(rows: list[list[int]], data: st.DataObject) -> None:
    width = len(rows[0])
    cached = data.draw(st.lists(activations, min_size=width, max_size=width))
    found = compute_integer_distance(make_rows(rows), make_rows([cached]))
    assert found.tolist() == [naive.distance(rows[0], cached)]
    assert is_distance_kept(found, int(found[0])).tolist() == [True]
    assert is_distance_kept(found, int(found[0]) - 1).tolist() == [False]


@given(row_lists())
def test_rows_do_not_influence_each_other(rows: list[list[int]]) -> None:
    gains = np.full(len(rows[0]), 12345, np.int16)
    together = compute_integer_rms_norm(make_rows(rows), gains, epsilon=7)
    alone = [compute_integer_rms_norm(make_rows([row]), gains, epsilon=7)[0] for row in rows]
    assert np.array_equal(together, np.stack(alone))


@pytest.mark.parametrize("accumulator", [MAX_ACCUMULATOR + 1, -MAX_ACCUMULATOR - 2])
def test_accumulator_beyond_48_bits_is_refused(accumulator: int) -> None:
    with pytest.raises(ArgumentError, match=r"^accumulator = -?\d+: must be within 48 bits$"):
        requantize(np.array([0, accumulator]), 1, 0)


@pytest.mark.parametrize("shift", [-1, 48])
def test_shift_outside_its_field_is_refused(shift: int) -> None:
    with pytest.raises(ArgumentError, match=r"^shift = -?\d+: must be in \[0, 47\]$"):
        requantize(np.zeros(1, np.int64), 1, shift)


def test_nothing_in_nothing_out() -> None:
    nothing = np.zeros((0, 4), np.int16)
    gains = np.ones(4, np.int16)
    assert compute_integer_rms_norm(nothing, gains, epsilon=1).shape == (0, 4)
    assert compute_accumulators(nothing, np.ones((3, 4), np.int8)).shape == (0, 3)
