"""Compiled rotary embedding equals the spec bit for bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.rotary import RotaryTable


@given(
    st.integers(0, 2**16),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 9),
)
def test_every_bit_is_that_of_the_spec(
    seed: int, rows: int, length: int, heads: int, half: int
) -> None:
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0, 10, (20, half))
    table = RotaryTable(np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32))
    x = rng.standard_normal((rows, length, heads, 2 * half)).astype(np.float32)
    positions = rng.integers(0, 20, (rows, length))
    engine = NumbaEngine()
    assert np.array_equal(engine.rotate(table, x, positions), table.rotate(x, positions))
    step = engine.rotate(table, x[:, 0], positions[:, 0])
    assert np.array_equal(step, table.rotate(x[:, 0], positions[:, 0]))
