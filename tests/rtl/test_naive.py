"""The naive integers that the hardware is held to are the integer units of `reference`."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.integer import units as integer_units
from fastcar.reference.integer.digest import compute_digests
from tests.rtl import naive, naive_core
from tests.rtl.wires import pack

int16 = st.integers(-32767, 32767)
WIDTH = 8
vectors = st.lists(int16, min_size=WIDTH, max_size=WIDTH)


@given(st.integers(-(2**47) + 1, 2**47 - 1), st.integers(0, 65535), st.integers(0, 47))
def test_requantize(accumulator: int, multiplier: int, shift: int) -> None:
    found = integer_units.requantize(np.array([accumulator]), multiplier, shift)
    assert found.tolist() == [naive.requantize(accumulator, multiplier, shift)]


@given(vectors, vectors, st.integers(1, 2**40))
def test_norm(x: list[int], gains: list[int], epsilon: int) -> None:
    rows, row = np.array([x], np.int16), np.array(gains, np.int16)
    found = integer_units.compute_integer_rms_norm(rows, row, epsilon)
    assert found.tolist() == [naive.norm(x, gains, epsilon)]


@given(vectors, vectors, st.integers(0, 3), st.integers(0, 65535), st.integers(0, 47))
def test_hidden(
    gates: list[int], ups: list[int], gate_shift: int, multiplier: int, shift: int
) -> None:
    gate, up = np.array(gates, np.int16), np.array(ups, np.int16)
    found = integer_units.compute_integer_hidden(gate, up, gate_shift, multiplier, shift)
    pairs = zip(gates, ups, strict=True)
    assert found.tolist() == [naive.hidden(g, u, gate_shift, multiplier, shift) for g, u in pairs]


@given(vectors, vectors)
def test_add_and_distance(x: list[int], y: list[int]) -> None:
    left, right = np.array([x], np.int16), np.array([y], np.int16)
    assert integer_units.add_residual(left, right).tolist() == [naive.add(x, y)]
    distance = integer_units.compute_integer_distance(left, right)
    assert distance.tolist() == [naive.squared_distance(x, y)]


@given(vectors, vectors)
def test_digest(first: list[int], second: list[int]) -> None:
    """The naive digest takes the beats that the naive core stores."""
    digest = 0
    for values in (first, second):
        for low in range(0, WIDTH, 2):
            digest = naive_core.update_digest(digest, pack(values[low : low + 2], 16), 32)
    arrays = [np.array([values], np.int16) for values in (first, second)]
    assert compute_digests(arrays, num_lanes=4).tolist() == [digest]
