"""Named tuples in memory: every field is what was written down."""

from __future__ import annotations

import gc
from typing import Any, NamedTuple

import numpy as np

from fastcar.reference.kernels.compilation import kernel
from fastcar.reference.kernels.frame.handles import Handle
from fastcar.reference.kernels.frame.run import PACKAGE

Array = Any


class Inner(NamedTuple):
    """Numbers of every size, so that those behind them are moved to their alignment."""

    flag: bool
    small: Any
    wide: float
    vector: Array


class Outer(NamedTuple):
    """Every type of a plan's field."""

    first: bool
    inner: Inner
    second: bool
    number: int
    arrays: tuple[Array, Array, Array]
    third: bool
    single: Any
    matrix: Array
    last: int


@kernel(package=PACKAGE)
def read_all(given: Outer, out: Array) -> None:
    out[0], out[1], out[2] = given.first, given.second, given.third
    out[3], out[4], out[5] = given.number, given.single, given.last
    inner = given.inner
    out[6], out[7], out[8] = inner.flag, inner.small, inner.wide
    out[9], out[10] = inner.vector[1], given.matrix[1, 2]
    out[11] = given.arrays[0][0]
    out[12], out[13] = given.arrays[1][1, 1], given.arrays[2][2]
    out[14], out[15] = given.matrix.shape[1], given.arrays[1].shape[0]


@kernel(package=PACKAGE)
def count_down(given: Outer) -> int:
    steps = 0
    while given.inner.vector[0] > 0:
        given.inner.vector[0] -= 1
        steps += 1
    return steps


def make(scale: int, flag: bool) -> Outer:
    """Different numbers for different arguments."""
    return Outer(
        flag,
        Inner(not flag, np.float32(1.5 * scale), 2.5 * scale, np.arange(3, dtype=np.int64) * scale),
        not flag,
        3 * scale,
        (
            np.full(2, 4 * scale, np.int8),
            np.full((2, 2), 5 * scale, np.uint16),
            np.full(3, 6 * scale, np.float64),
        ),
        flag,
        np.float32(7 * scale),
        np.full((2, 3), 8 * scale, np.float32),
        9 * scale,
    )


def read(handle: Handle[Outer]) -> list[float]:
    out = np.full(16, np.nan)
    read_all(handle, out)
    return [float(number) for number in out]


def expect(scale: int, flag: bool) -> list[float]:
    numbers = [3, 7, 9, 1.5, 2.5, 1, 8, 4, 5, 6]
    scaled = [scale * number for number in numbers]
    return [flag, not flag, flag, *scaled[:3], not flag, *scaled[3:], 3, 2]


def test_every_field_is_read_as_it_was_written() -> None:
    for scale, flag in ((1, True), (2, False), (3, True)):
        assert read(Handle(make(scale, flag))) == expect(scale, flag)


def test_handles_of_one_type_share_machine_code_and_no_memory() -> None:
    first, second = Handle(make(1, True)), Handle(make(2, False))
    assert first.numba_type == second.numba_type
    assert read(second) == expect(2, False)
    assert read(first) == expect(1, True)
    other = Handle(make(1, True)._replace(single=1.0))
    assert other.numba_type != first.numba_type


def test_a_handle_keeps_its_arrays_alive() -> None:
    handle = Handle(make(3, False))
    gc.collect()
    trash = [np.full((2, 3), np.nan, np.float32) for _ in range(100)]
    assert read(handle) == expect(3, False)
    assert len(trash) == 100


def test_fields_stay_while_the_numbers_of_their_arrays_change() -> None:
    value = make(1, True)
    value.inner.vector[0] = 5
    handle = Handle(value)
    assert count_down(handle) == 5
    assert value.inner.vector[0] == 0
    value.inner.vector[0] = 7
    assert count_down(handle) == 7
