"""Digest of what a slot stores: 32 bits over the beats of its STORE instructions, in their order.

The hardware updates it once per stored beat: digest = rotl(digest, 1) xor (xor of all 32-bit chunks
of the beat), from 0 at the slot's first instruction. A computing slot stores y, [n under DISTANCE]
and x, a replaying one x; a vector is padded with zeros to whole words of L int16, two beats of L
bytes each, little endian.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Int16Array
from fastcar.reference.errors import ArgumentError

MIN_LANES = 4


def compute_digests(vectors: Sequence[Int16Array], num_lanes: int) -> NDArray[np.uint32]:
    """Digest of every row over the vectors that it stores.

    Args:
        vectors: each [B, D] int16, in the order of their STORE; all the same B.
        num_lanes: L, a power of two, at least 4.

    Returns:
        [B] uint32.

    >>> row = np.array([[1, 0, 0, 0, 2, 0, 0, 0]], np.int16)  # 4 beats of 4 bytes: 1, 0, 2, 0
    >>> compute_digests([row], num_lanes=4).tolist()
    [12]
    """
    check_num_lanes(num_lanes)
    digests = np.zeros(len(vectors[0]), np.uint32)
    for vector in vectors:
        for beat in _fold_beats(vector, num_lanes).T:
            digests = (digests << np.uint32(1)) | (digests >> np.uint32(31))
            digests ^= beat
    return digests


def _fold_beats(vector: Int16Array, num_lanes: int) -> NDArray[np.uint32]:
    """Xor of the 32-bit chunks of every beat, [B, beats]."""
    rows, width = vector.shape
    padded = np.zeros((rows, -(-width // num_lanes) * num_lanes), "<i2")
    padded[:, :width] = vector
    chunks = padded.view("<u4").reshape(rows, -1, num_lanes // 4)
    folded: NDArray[np.uint32] = np.bitwise_xor.reduce(chunks, axis=-1)
    return folded


def check_num_lanes(num_lanes: int) -> None:
    """Refuse a number of lanes that the hardware cannot have."""
    if num_lanes < MIN_LANES or num_lanes & (num_lanes - 1):
        raise ArgumentError("num_lanes", num_lanes, f"a power of two, at least {MIN_LANES}")
