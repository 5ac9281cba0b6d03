"""The Mersenne Twister of `random.Random`, from a state that Python gives."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.kernels.compilation import bare_device

Array = Any
Number = Any
"""Numba's own types say nothing; a flag is a number too."""

NUM_WORDS = 624
STATE_WORDS = NUM_WORDS + 1
"""The last one is the place of the next word."""
_MIDDLE = 397
_HIGH_BIT, _LOW_BITS, _MIX = 0x8000_0000, 0x7FFF_FFFF, 0x9908_B0DF
_MASK_7, _MASK_15 = 0x9D2C_5680, 0xEFC6_0000
_WORD_BITS, _WORD_BYTES = 32, 4
_UPPER_SCALE, _RANGE = float(1 << 26), float(1 << 53)


def make_state(seed: int | str) -> NDArray[np.uint32]:
    """State [625] of `random.Random(seed)`."""
    return np.array(random.Random(seed).getstate()[1], np.uint32)


@bare_device
def is_below(state: Array, probability: float) -> Number:
    """`random() < probability`; draws nothing where that is never true."""
    if probability <= 0:
        return False
    upper = draw_word(state) >> 5
    lower = draw_word(state) >> 6
    return (upper * _UPPER_SCALE + lower) / _RANGE < probability


@bare_device
def fill(state: Array, target: Array, start: int, num_bytes: int) -> None:
    """`getrandbits(8 * num_bytes)` into bytes, the lowest first."""
    for place in range(0, num_bytes, _WORD_BYTES):
        word = draw_word(state)
        count = min(_WORD_BYTES, num_bytes - place)
        word >>= _WORD_BITS - 8 * count
        for byte in range(count):
            target[start + place + byte] = (word >> 8 * byte) & 0xFF


@bare_device
def draw_word(state: Array) -> Number:
    """32 bits."""
    if state[NUM_WORDS] >= NUM_WORDS:
        _twist(state)
    word = np.int64(state[state[NUM_WORDS]])
    state[NUM_WORDS] += 1
    word ^= word >> 11
    word ^= (word << 7) & _MASK_7
    word ^= (word << 15) & _MASK_15
    return word ^ (word >> 18)


@bare_device
def _twist(state: Array) -> None:
    for place in range(NUM_WORDS):
        high = np.int64(state[place]) & _HIGH_BIT
        mixed = high | (np.int64(state[(place + 1) % NUM_WORDS]) & _LOW_BITS)
        other = np.int64(state[(place + _MIDDLE) % NUM_WORDS])
        state[place] = other ^ (mixed >> 1) ^ (_MIX if mixed & 1 else 0)
    state[NUM_WORDS] = 0
