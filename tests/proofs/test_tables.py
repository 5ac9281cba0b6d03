"""The errors of the table units: proven, nearly reached, and a wrong table is found out."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import is_certain
from fastcar.proofs.tables import (
    RSQRT_RELATIVE_ERROR,
    SILU_ABSOLUTE_ERROR,
    compute_silu_error,
    get_roots,
    is_rsqrt_error_below,
)
from fastcar.reference.arrays import Int16Array, Int64Array
from fastcar.reference.integer.units import compute_integer_silu, compute_rsqrt


def test_rsqrt_error_is_proven_and_nearly_reached() -> None:
    roots = get_roots()
    assert is_rsqrt_error_below(RSQRT_RELATIVE_ERROR, roots)
    assert not is_rsqrt_error_below(0.999 * RSQRT_RELATIVE_ERROR, roots)


def test_one_wrong_root_is_found_out() -> None:
    for step in (-3, 3):
        roots = get_roots()
        roots[40_000] += step
        assert not is_rsqrt_error_below(RSQRT_RELATIVE_ERROR, roots)


@given(st.integers(1, 2**47 - 1))
def test_cells_of_the_proof_are_those_of_the_unit(square: int) -> None:
    root, half_exponent = (int(part[0]) for part in compute_rsqrt(np.array([square])))
    cell = (square << (46 - 2 * half_exponent)) >> 31
    assert get_roots()[cell - (1 << 15)] == root
    quotient = root * math.sqrt(square) / 2 ** (16 + half_exponent)
    assert abs(quotient - 1) <= RSQRT_RELATIVE_ERROR * (1 + 1e-9)


def test_silu_error_is_proven_and_nearly_reached() -> None:
    error = compute_silu_error()
    assert is_certain(error < SILU_ABSOLUTE_ERROR)
    assert is_certain(error > 0.999 * SILU_ABSOLUTE_ERROR)


def test_silu_off_by_one_step_is_found_out() -> None:
    def compute_one_more(gate: Int16Array, gate_shift: int) -> Int64Array:
        return compute_integer_silu(gate, gate_shift) + 1

    assert is_certain(compute_silu_error(compute_one_more) > SILU_ABSOLUTE_ERROR)


@given(st.integers(-32767, 32767), st.integers(0, 3))
def test_every_gate_is_within_the_error(gate: int, gate_shift: int) -> None:
    found = int(compute_integer_silu(np.array([gate], np.int16), gate_shift)[0])
    x = gate / 2 ** (11 - gate_shift)
    exact = x / (1 + math.exp(-x))
    assert abs(found / 2**15 - exact) <= SILU_ABSOLUTE_ERROR * (1 + 1e-9)
