from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.codec import PatchCodec, cut_patches


def make_codec(seed: int, codes: int = 7, patch: int = 2) -> PatchCodec:
    book = np.random.default_rng(seed).random((codes, patch * patch)).astype(np.float32)
    book[0] = 0
    return PatchCodec(book)


@given(seed=st.integers(0, 999))
def test_decoding_and_encoding_gives_the_codes_back(seed: int) -> None:
    codec = make_codec(seed)
    codes = np.random.default_rng(seed + 1).integers(0, 7, (3, 16))
    frames = codec.decode(codes, patches_per_side=4)
    assert frames.shape == (3, 8, 8)
    assert np.array_equal(codec.encode(frames), codes)


@given(seed=st.integers(0, 999))
def test_encoding_picks_the_nearest_patch(seed: int) -> None:
    codec = make_codec(seed)
    frame = np.random.default_rng(seed + 1).random((4, 4)).astype(np.float32)
    patches = cut_patches(frame, 2)
    codes = codec.encode(frame)
    assert codes.shape == (4,)
    for patch, code in zip(patches, codes, strict=True):
        distances = ((codec.codebook - patch) ** 2).sum(axis=1)
        assert distances[code] <= distances.min() + 1e-6


def test_patches_are_cut_in_row_major_order() -> None:
    frame = np.arange(16, dtype=np.float32).reshape(4, 4)
    assert cut_patches(frame, 2)[1].tolist() == [2, 3, 6, 7]


def test_refusals_name_argument_value_and_limit() -> None:
    codec = make_codec(0)
    with pytest.raises(ArgumentError, match=r"^frame size = \(3, 4\): must be multiples of 2$"):
        codec.encode(np.zeros((3, 4)))
    with pytest.raises(ArgumentError, match=r"^codes = 7: must be in \[0, 7\)$"):
        codec.decode(np.full((1, 4), 7), 2)
    with pytest.raises(ArgumentError, match=r"^codes = -1: must be in \[0, 7\)$"):
        codec.decode(np.array([[-1, 0, 0, 6]]), 2)
    with pytest.raises(ArgumentError, match=r"^codebook shape = \(4, 5\): must be \[codes, patch"):
        PatchCodec(np.zeros((4, 5), np.float32))
    with pytest.raises(ArgumentError, match=r"^codebook = nan: must be in \[0, 1\]$"):
        PatchCodec(np.full((4, 4), np.nan, np.float32))
