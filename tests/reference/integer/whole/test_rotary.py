"""ROPE on integers against Python integers, and against turning the numbers that they stand for."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.integer.whole.rotary import (
    KEY_MULTIPLIER,
    KEY_SHIFT,
    IntegerRotaryTable,
    make_integer_rotary_table,
    narrow,
)
from fastcar.strategies import make_config
from tests.reference.integer.whole import naive

TABLE = make_integer_rotary_table(make_config(), 64)
whole_numbers = st.integers(-32767, 32767)


@given(st.lists(whole_numbers, min_size=4, max_size=4), st.integers(0, 63))
def test_query_and_key_are_turned_as_the_page_says(head: list[int], position: int) -> None:
    x, positions = np.array([[head]], np.int16), np.array([position])
    turns = TABLE.cos[position].tolist(), TABLE.sin[position].tolist()
    assert TABLE.rotate_query(x, positions)[0, 0].tolist() == naive.rotate_query(head, *turns)
    assert TABLE.rotate_key(x, positions)[0, 0].tolist() == naive.rotate_key(head, *turns)


def test_pairs_are_those_of_the_float_decoder() -> None:
    x = np.array([[[8000, 100, 0, 0]]], np.int16)
    first = TABLE.rotate_query(x, np.array([1]))[0, 0]
    assert np.abs(first - np.array([8000 * np.cos(1), 100, 8000 * np.sin(1), 10])).max() <= 1


def test_position_0_changes_nothing() -> None:
    x = np.array([[[-32767, 5, 32767, -1]]], np.int16)
    assert TABLE.rotate_query(x, np.array([0])).tolist() == x.tolist()
    assert TABLE.rotate_key(x, np.array([0])).tolist() == [[[-127, 0, 127, 0]]]


def test_multiplier_of_keys_is_the_nearest() -> None:
    exact = Fraction(127, 32767 << 14) * (1 << KEY_SHIFT)
    assert abs(KEY_MULTIPLIER - exact) < Fraction(1, 2)


def test_ties_are_rounded_upwards_and_ends_saturate() -> None:
    half = IntegerRotaryTable(np.array([[8192]], np.int16), np.array([[0]], np.int16))
    x = np.array([[[-3, 3]]], np.int16)
    assert half.rotate_query(x, np.array([0])).tolist() == [[[-1, 2]]]
    steep = IntegerRotaryTable(np.array([[11585]], np.int16), np.array([[-11585]], np.int16))
    full = np.array([[[32767, 32767]]], np.int16)
    assert steep.rotate_query(full, np.array([0])).tolist() == [[[32767, 0]]]
    assert steep.rotate_key(-full, np.array([0])).tolist() == [[[-127, 0]]]
    assert narrow(np.array([-128, 128])).tolist() == [-127, 127]
