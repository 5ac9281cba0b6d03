"""Digests of stored vectors against the rule, beat by beat."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.digest import compute_digests
from tests.reference.integer import naive as naive


def cut_beats(vector: list[int], num_lanes: int) -> list[bytes]:
    """Words of L int16, zeros behind the vector, as beats of L bytes."""
    padded = vector + [0] * (-len(vector) % num_lanes)
    stored = struct.pack(f"<{len(padded)}h", *padded)
    return [stored[start : start + num_lanes] for start in range(0, len(stored), num_lanes)]


@given(
    st.lists(st.lists(st.integers(-32768, 32767), min_size=1, max_size=40), min_size=1, max_size=3),
    st.sampled_from([4, 8, 16, 32]),
)
def test_digest_follows_the_beats(vectors: list[list[int]], num_lanes: int) -> None:
    beats = [beat for vector in vectors for beat in cut_beats(vector, num_lanes)]
    arrays = [np.array([vector, vector[::-1]], np.int16) for vector in vectors]
    found = compute_digests(arrays, num_lanes)
    assert found.dtype == np.uint32
    assert int(found[0]) == naive.digest(beats)


@given(st.integers(0, 39), st.integers(0, 15), st.integers(0, 2**16))
def test_one_flipped_bit_changes_the_digest(place: int, bit: int, seed: int) -> None:
    vector = np.random.default_rng(seed).integers(-32768, 32768, (1, 40)).astype(np.int16)
    flipped = vector.copy()
    flipped[0, place] ^= np.array(1 << bit, np.uint16).astype(np.int16)
    assert compute_digests([vector], 16) != compute_digests([flipped], 16)


def test_order_of_the_stores_counts() -> None:
    one, two = np.full((1, 16), 1, np.int16), np.full((1, 16), 2, np.int16)
    one[0, 0] = 7
    assert compute_digests([one, two], 16) != compute_digests([two, one], 16)


@pytest.mark.parametrize("num_lanes", [0, 2, 12])
def test_lanes_that_hardware_cannot_have_are_refused(num_lanes: int) -> None:
    with pytest.raises(ArgumentError, match=r"^num_lanes = \d+: must be a power of two, at least"):
        compute_digests([np.zeros((1, 4), np.int16)], num_lanes)
