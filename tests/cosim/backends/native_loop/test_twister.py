"""The twister of the native loop draws what `random.Random` draws."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.native_loop import twister
from tests.examples import examples

_DRAWS = st.lists(st.one_of(st.integers(1, 40), st.floats(0, 1)), max_size=30)
"""Bytes of noise, or a probability."""


@given(st.integers(0, 2**64), _DRAWS)
@examples(50, 500)
def test_every_draw_is_that_of_python(seed: int, draws: list[int | float]) -> None:
    state, generator = twister.make_state(seed), random.Random(seed)
    for draw in draws * 30:
        if isinstance(draw, int):
            found = np.zeros(draw + 2, np.uint8)
            twister.fill(state, found, 1, draw)
            expected = generator.getrandbits(8 * draw).to_bytes(draw, "little")
            assert found.tobytes() == b"\0" + expected + b"\0"
        elif draw > 0:
            assert twister.is_below(state, draw) == (generator.random() < draw)
        else:
            assert not twister.is_below(state, draw)
