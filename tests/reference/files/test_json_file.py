from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import (
    MAX_JSON_BYTES,
    describe,
    describe_path,
    get_file_size,
    parse_json_object,
    read_bytes,
    read_json_object,
)
from tests.checkpoint_files import LFS_POINTER

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON_VALUES))
def test_valid_objects_are_read_as_the_standard_library_reads_them(
    document: dict[str, object],
) -> None:
    encoded = json.dumps(document).encode()
    assert parse_json_object(encoded, "here") == json.loads(encoded)


@given(JSON_VALUES)
def test_a_description_is_one_short_printable_line(value: object) -> None:
    shown = describe(value)
    assert shown.isascii()
    assert shown.isprintable()
    if not isinstance(value, int | float):
        assert len(shown) < 800


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"here: found Expecting value: line 1 column 1 \(char 0\): must be valid JSON"),
        (b"[1, 2]", "here: found a list of 2: must be a JSON object"),
        (b"3", "here: found 3: must be a JSON object"),
        (b'"\xc3\xa9"', r'here: found "\\u00e9": must be a JSON object'),
        (b'{"a": 1, "a": 1}', 'here: found duplicate key "a": must be valid JSON'),
        (b'{"x": {"\\n": 1, "\\n": 2}}', r'here: found duplicate key "\\n": must be valid JSON'),
        (b'{"a": NaN}', "here: found NaN, which is no JSON: must be valid JSON"),
        (b'{"a": -Infinity}', "here: found -Infinity, which is no JSON: must be valid JSON"),
        (b'{"a": "\xff"}', "here: found text that is not UTF-8: must be valid JSON"),
        (b'{"a": "\\ud800"}', "here: found text that is not UTF-8: must be valid JSON"),
        (b'{"\\ud800": 1}', "here: found text that is not UTF-8: must be valid JSON"),
        (b'{"a": ' + b"[" * 100_000, "here: found nesting too deep: must be valid JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", r"here: found Exceeds the limit .*: must be valid JSON"),
        (
            b" " * (MAX_JSON_BYTES + 1),
            "here: found 16777217 bytes: must be at most 16777216 bytes",
        ),
    ],
)
def test_what_is_no_json_object_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        parse_json_object(text, "here")
    assert re.fullmatch(message, str(caught.value))


def test_a_large_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(10**12)  # takes no space on the disk
    with pytest.raises(CheckpointError, match=r"^\S+large.json: found 1000000000000 bytes: must"):
        read_json_object(path)


def test_a_missing_file_a_directory_and_a_pipe_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, found in (
        (tmp_path / "missing", "No such file or directory"),
        (tmp_path, "no regular file"),
        (pipe, "no regular file"),
        (Path("nul\0"), "embedded null byte"),
    ):
        with pytest.raises(CheckpointError) as caught:
            get_file_size(path)
        assert str(caught.value) == f"{describe_path(path)}: found {found}: must be a readable file"


def test_a_file_that_cannot_be_read_in_full_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"abc")
    assert read_bytes(path, 2, offset_bytes=1) == b"bc"
    with pytest.raises(CheckpointError, match=r"^\S+short: found 3 bytes: must be 4 bytes$"):
        read_bytes(path, 4)
    with pytest.raises(CheckpointError, match=r"^\S+: found Is a directory: must be a readable"):
        read_bytes(tmp_path, 1)


def test_a_path_with_a_line_break_stays_on_one_line() -> None:
    assert describe_path("a\nb") == r"'a\nb'"
    assert describe_path(Path("plain/name")) == "plain/name"


def test_a_pointer_of_git_lfs_is_called_that_and_a_text_about_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(LFS_POINTER)
    message = r"found a Git LFS pointer: must be the file it stands for: git lfs pull$"
    with pytest.raises(CheckpointError, match=message):
        get_file_size(path)
    about = b'{"note": "' + LFS_POINTER.splitlines()[0] + b'"}'
    path.write_bytes(about)
    assert get_file_size(path) == len(about)
    path.write_bytes(LFS_POINTER + bytes(1024))  # the format's pointers are shorter
    assert get_file_size(path) == len(LFS_POINTER) + 1024
