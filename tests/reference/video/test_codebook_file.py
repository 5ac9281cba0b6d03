"""The codebook of a video model: every float type is read, values beyond [0, 1] are refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fastcar.reference.errors import CheckpointError
from fastcar.reference.video.codebook_file import read_codec
from fastcar.reference.video.geometry import VideoGeometry
from tests.checkpoint_files import StoredTensor, decode, encode
from tests.reference.video.video_files import store, write_tensors

GEOMETRY = VideoGeometry(4, 8, 2, 4)
BOOK = np.random.default_rng(0).random((5, 4), np.float32)


def check_refused(
    directory: Path, arrays: dict[str, NDArray[np.generic] | StoredTensor], message: str
) -> None:
    write_tensors(directory / "codebook.safetensors", arrays)
    with pytest.raises(CheckpointError) as caught:
        read_codec(directory, GEOMETRY)
    place = re.escape(str(directory / "codebook.safetensors"))
    assert re.fullmatch(rf"{place}: tensor {message}", str(caught.value))


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16"])
def test_every_float_type_of_weights_is_read(tmp_path: Path, dtype: str) -> None:
    stored = StoredTensor(dtype, BOOK.shape, encode(BOOK, dtype))
    write_tensors(tmp_path / "codebook.safetensors", {"codebook": stored})
    codebook = read_codec(tmp_path, GEOMETRY).codebook
    assert codebook.dtype == np.float32
    assert np.array_equal(codebook, decode(stored).astype(np.float32))


def test_both_ends_of_the_range_are_values(tmp_path: Path) -> None:
    ends = np.repeat(np.array([[0], [1]], np.float32), 4, axis=1)
    write_tensors(tmp_path / "codebook.safetensors", {"codebook": ends})
    assert np.array_equal(read_codec(tmp_path, GEOMETRY).codebook, ends)


@pytest.mark.parametrize("value", [-1e-9, 1 + 1e-12, 255.0, np.nan, np.inf, -np.inf])
def test_a_value_outside_of_the_range_is_refused_with_its_place(
    tmp_path: Path, value: float
) -> None:
    """Also one that would be rounded to the end of the range."""
    book = BOOK.astype(np.float64)
    book[3, 1] = value
    limit = r"in \[0, 1\]" if np.isfinite(value) else "finite in float64"
    message = rf'"codebook": found {re.escape(str(value))} at \[3, 1\]: must be {limit}'
    check_refused(tmp_path, {"codebook": book}, message)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"codebook": (BOOK * 255).astype(np.uint8)}, '"codebook": dtype: found "U8": .*'),
        ({"codebook": BOOK > 0.5}, '"codebook": dtype: found "BOOL": .*'),
        (
            {"codebook": StoredTensor("F8_E4M3", (5, 4), bytes(20))},
            '.*: dtype: found "F8_E4M3": .*',
        ),
        ({"book": BOOK}, "\"book\": found an unknown tensor: must be 'codebook' alone"),
        ({"codebook": BOOK, "more": BOOK}, '"more": found an unknown tensor: .*'),
        ({}, '"codebook": found nothing: must be a tensor .*'),
        ({"codebook": BOOK.reshape(5, 2, 2)}, r'"codebook": shape: found \[5, 2, 2\]: .*'),
        ({"codebook": BOOK[0]}, r'"codebook": shape: found \[4\]: must be \[codes, 4\], .*'),
        ({"codebook": BOOK[:, :3]}, r'"codebook": shape: found \[5, 3\]: .*'),
        ({"codebook": np.ones((5, 16))}, r".* must be \[codes, 4\], patch_pixels = 2 squared"),
        ({"codebook": BOOK[:0]}, r'"codebook": shape: found \[0, 4\]: .*'),
    ],
)
def test_another_tensor_type_or_shape_is_refused(
    tmp_path: Path, arrays: dict[str, NDArray[np.generic] | StoredTensor], message: str
) -> None:
    check_refused(tmp_path, arrays, message)


def test_a_pointer_to_large_storage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "codebook.safetensors"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 17\n")
    with pytest.raises(CheckpointError, match="found a Git LFS pointer: must be"):
        read_codec(tmp_path, GEOMETRY)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="found 0 bytes"):
        read_codec(tmp_path, GEOMETRY)


def test_the_helper_writes_what_the_library_would(tmp_path: Path) -> None:
    assert store(np.arange(3, dtype=np.uint16)).content == b"\0\0\1\0\2\0"
