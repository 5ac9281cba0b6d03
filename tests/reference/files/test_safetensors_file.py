from __future__ import annotations

import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.safetensors_file import (
    STORAGE_DTYPES,
    TensorPlace,
    read_header,
    read_tensor,
)
from tests.checkpoint_files import (
    StoredTensor,
    decode,
    make_header,
    pack,
    pack_tensors,
    read_by_library,
)

NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__")
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)
ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "a.safetensors"


def write(path: Path, header: dict[str, Any] | bytes, content: bytes) -> Path:
    path.write_bytes(pack(header, content))
    return path


# -- the library and this reader agree


@given(
    st.dictionaries(
        NAMES,
        st.sampled_from([np.float16, np.float32, np.float64]).flatmap(
            lambda dtype: hnp.arrays(
                dtype,
                SHAPES,
                # a width that every dtype holds; NumPy's own conversions are not the question
                elements=st.floats(-60000, 60000, width=16),
            )
        ),
        max_size=5,
    )
)
def test_what_the_library_writes_is_read_equal(
    path: Path, arrays: dict[str, np.ndarray[Any, Any]]
) -> None:
    safetensors.numpy.save_file(arrays, path)
    places = read_header(path)
    assert places.keys() == arrays.keys()
    for name, array in arrays.items():
        read = read_tensor(places[name], np.float64)
        assert read.dtype == np.float64
        np.testing.assert_array_equal(read, array.astype(np.float64))
        assert read.shape == array.shape


@given(hnp.arrays(np.uint16, SHAPES))
def test_bfloat16_is_widened_exactly(path: Path, bits: np.ndarray[Any, Any]) -> None:
    stored = StoredTensor("BF16", bits.shape, bits.tobytes())
    path.write_bytes(pack_tensors({"w": stored}))
    place = read_header(path)["w"]
    expected = decode(stored)
    if np.isfinite(expected).all():
        for dtype in (np.float32, np.float64):
            read = read_tensor(place, dtype)
            assert read.dtype == dtype
            np.testing.assert_array_equal(read, expected)
    else:
        with pytest.raises(CheckpointError, match=r'tensor "w": found -?(nan|inf) at \['):
            read_tensor(place, np.float32)


@st.composite
def nearly_right_files(draw: st.DrawFn) -> bytes:
    """Small files with now and then a wrong offset, shape, dtype, key or length."""
    sizes = draw(st.lists(st.integers(0, 3), min_size=0, max_size=4))
    header: dict[str, Any] = {}
    start = 0
    for position, size in enumerate(sizes):
        end = start + 4 * size
        shape = draw(st.sampled_from([[size], [size, 1], [1, size], [size + 1], [2**61, size]]))
        offsets = [start + draw(st.sampled_from([0] * 8 + [4])), end]
        dtype = draw(st.sampled_from(["F32"] * 6 + ["I32", "F16", "f32"]))
        header[str(position)] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        start = end
    if draw(st.booleans()):
        header["__metadata__"] = draw(st.sampled_from([{}, {"format": "pt"}, {"format": 1}, None]))
    text = json.dumps(header).encode() + draw(st.sampled_from([b"", b" ", b"\t", b"\0", b"}"]))
    return pack(draw(st.sampled_from([b"", b"", b"", b" "])) + text, bytes(start))


@given(nearly_right_files())
def test_what_is_accepted_here_the_library_accepts_equal(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        places = read_header(path)
    except CheckpointError:
        return
    expected = read_by_library(content)
    assert places.keys() == expected.keys()
    for name, place in places.items():
        part = content[place.start_bytes : place.start_bytes + place.num_bytes]
        assert StoredTensor(place.dtype, place.shape, part) == expected[name]


# -- refusals


@pytest.mark.parametrize(
    ("header", "num_bytes", "message"),
    [
        (b"", 0, r"header: found b'': must be a JSON object from byte 8 on"),
        (b" {}", 0, r"header: found b' \{\}': must be a JSON object from byte 8 on"),
        (b"{", 0, r"header: found Expecting property name .*: must be valid JSON"),
        (b'{"w": {}, "w": {}}', 0, 'header: found duplicate key "w": must be valid JSON'),
        ({"__metadata__": []}, 0, "__metadata__: found a list of 0: must be an object of strings"),
        (
            {"__metadata__": {"a": 1}},
            0,
            "__metadata__: found an object of 1: must be an object of strings",
        ),
        (
            {"w": [1]},
            0,
            'tensor "w": found a list of 1: must be an object of exactly dtype, shape and '
            "data_offsets",
        ),
        (
            {"w": {"dtype": "F32", "é\n": 1}},
            0,
            r'tensor "w": found an object of "dtype", "\\u00e9\\n": must be an object of exactly '
            "dtype, shape and data_offsets",
        ),
        (
            {"w": {**ENTRY, "dtype": "I64"}},
            8,
            'tensor "w": dtype: found "I64": must be one of F64, F32, F16, BF16',
        ),
        (
            {"w": {**ENTRY, "dtype": ["F32"]}},
            8,
            'tensor "w": dtype: found a list of 1: must be one of F64, F32, F16, BF16',
        ),
        *(
            (
                {"w": {**ENTRY, "shape": shape}},
                8,
                rf'tensor "w": shape: found {shown}: must be at most 8 whole numbers of at least 1',
            )
            for shape, shown in (
                ([0], r"\[0\]"),
                ([-2], r"\[-2\]"),
                ([2.0], r"\[2.0\]"),
                ([True, 2], r"\[true, 2\]"),
                ([1] * 9, "a list of 9"),
                ("2", '"2"'),
                (None, "null"),
            )
        ),
        (
            {"w": {**ENTRY, "shape": [10**12, 10**12]}},
            8,
            r'tensor "w": shape: found \[10{12}, 10{12}\]: must be within the 8 bytes that the '
            "file has for tensors",
        ),
        *(
            (
                {"w": {**ENTRY, "data_offsets": offsets}},
                8,
                rf'tensor "w": data_offsets: found {shown}: must be 8 bytes apart for F32 \[2\], '
                "within 8 bytes",
            )
            for offsets, shown in (
                ([0, 4], r"\[0, 4\]"),
                ([4, 12], r"\[4, 12\]"),
                ([-8, 0], r"\[-8, 0\]"),
                ([8, 0], r"\[8, 0\]"),
                ([0], r"\[0\]"),
                ([False, 8], r"\[false, 8\]"),
                ([0.0, 8], r"\[0.0, 8\]"),
                ([-0.0, 8], r"\[-0.0, 8\]"),
                ([0, 10**4000], r"\[0, 10{112}\.\.\."),
                ({"0": 8}, "an object of 1"),
            )
        ),
        (
            {"w": {**ENTRY, "data_offsets": [4, 12]}},
            12,
            r'tensor "w": data_offsets: found start 4: must be 0 \(no hole, no overlap\)',
        ),
        (
            {"v": ENTRY, "w": {**ENTRY, "data_offsets": [4, 12]}},
            12,
            r'tensor "w": data_offsets: found start 4: must be 8 \(no hole, no overlap\)',
        ),
        (
            {"v": ENTRY, "w": ENTRY},
            8,
            r'tensor "w": data_offsets: found start 0: must be 8 \(no hole, no overlap\)',
        ),
    ],
)
def test_a_header_that_does_not_describe_its_file_is_refused(
    tmp_path: Path, header: dict[str, Any] | bytes, num_bytes: int, message: str
) -> None:
    path = write(tmp_path / "a.safetensors", header, bytes(num_bytes))
    with pytest.raises(CheckpointError) as caught:
        read_header(path)
    assert re.fullmatch(rf"{re.escape(str(path))}: {message}", str(caught.value))


def test_a_negative_zero_is_no_whole_number(tmp_path: Path) -> None:
    """The library reads it as a float, Python as an integer."""
    header = json.dumps({"w": ENTRY}).replace("[0, 8]", "[-0, 8]").encode()
    path = write(tmp_path / "a.safetensors", header, bytes(8))
    with pytest.raises(CheckpointError, match=r"data_offsets: found \[-0.0, 8\]: must be 8 bytes"):
        read_header(path)


def test_bytes_after_the_last_tensor_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", {"w": ENTRY}, bytes(9))
    with pytest.raises(CheckpointError, match=r"found \d+ bytes: must be \d+ bytes, as its header"):
        read_header(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"found 0 bytes: must be at least 8 bytes \(header length\)"),
        (bytes(7), r"found 7 bytes: must be at least 8 bytes \(header length\)"),
        (
            b"\xff" * 8 + b"{}",
            "header: found 18446744073709551615 bytes: must be at most 2 bytes in a file of 10 "
            "bytes",
        ),
    ],
)
def test_a_file_shorter_than_its_header_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_header(path)
    assert re.fullmatch(rf"{re.escape(str(path))}: {message}", str(caught.value))


@pytest.mark.parametrize("dtype", STORAGE_DTYPES)
@pytest.mark.parametrize("shown", ["nan", "inf", "-inf"])
def test_values_that_are_not_finite_are_refused_with_their_place(
    tmp_path: Path, dtype: str, shown: str
) -> None:
    values = np.zeros((2, 3), np.float32)
    values[1, 2] = float(shown)
    if dtype == "BF16":
        content = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    else:
        content = values.astype(STORAGE_DTYPES[dtype]).tobytes()
    path = tmp_path / "a.safetensors"
    path.write_bytes(pack_tensors({"w": StoredTensor(dtype, (2, 3), content)}))
    with pytest.raises(CheckpointError) as caught:
        read_tensor(read_header(path)["w"], np.float64)
    assert str(caught.value) == (
        f'{path}: tensor "w": found {shown} at [1, 2]: must be finite in float64'
    )


def test_float64_is_rounded_to_even_and_refused_where_it_overflows(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    halfway = 1 + 2.0**-24
    values = np.array([halfway, np.nextafter(halfway, 2), 1e300])
    path.write_bytes(pack_tensors({"w": StoredTensor("F64", (3,), values.tobytes())}))
    place = read_header(path)["w"]
    np.testing.assert_array_equal(read_tensor(place, np.float64), values)
    with pytest.raises(CheckpointError, match=r"found inf at \[2\]: must be finite in float32$"):
        read_tensor(place, np.float32)
    path.write_bytes(pack_tensors({"w": StoredTensor("F64", (2,), values[:2].tobytes())}))
    rounded = read_tensor(read_header(path)["w"], np.float32)
    np.testing.assert_array_equal(rounded, np.array([1, 1 + 2.0**-23], np.float32))


def test_a_file_that_shrinks_after_its_header_was_read_is_refused(tmp_path: Path) -> None:
    tensors = {"w": StoredTensor("F32", (2,), bytes(8))}
    path = tmp_path / "a.safetensors"
    path.write_bytes(pack_tensors(tensors))
    place = read_header(path)["w"]
    path.write_bytes(pack(make_header(tensors), bytes(4)))
    with pytest.raises(CheckpointError, match=r"found \d+ bytes: must be at least \d+ bytes$"):
        read_tensor(place, np.float32)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"found cannot mmap an empty file: must be a "):
        read_tensor(place, np.float32)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"found .*: must be a readable file$"):
        read_tensor(place, np.float32)


@pytest.mark.parametrize(("dtype", "num_values"), [("F32", 2**20), ("BF16", 2**20)])
def test_a_tensor_is_read_without_a_second_copy(
    tmp_path: Path, dtype: str, num_values: int
) -> None:
    path = tmp_path / "a.safetensors"
    width = np.dtype(STORAGE_DTYPES[dtype]).itemsize
    stored = StoredTensor(dtype, (num_values,), bytes(num_values * width))
    path.write_bytes(pack_tensors({"w": stored}))
    tracemalloc.start()
    try:
        array = read_tensor(read_header(path)["w"], np.float32)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert array.nbytes <= peak_bytes < array.nbytes + num_values + 100_000


def test_the_name_of_a_place_can_be_printed() -> None:
    place = TensorPlace(Path("a\nb"), "c\nd", "F32", (1,), 0, 4)
    assert str(place) == "'a\\nb': tensor " + '"c\\nd"'
