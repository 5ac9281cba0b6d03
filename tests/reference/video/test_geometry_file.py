"""`video.json`: what is read, and that everything else is refused in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fastcar.reference.errors import CheckpointError
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.geometry_file import read_geometry

SIZES = {"frames": 4, "canvas_pixels": 8, "patch_pixels": 4, "digit_pixels": 4}


def check_refused(directory: Path, text: bytes, message: str) -> None:
    (directory / "video.json").write_bytes(text)
    with pytest.raises(CheckpointError) as caught:
        read_geometry(directory)
    assert "\n" not in str(caught.value)
    place = re.escape(str(directory / "video.json"))
    assert re.fullmatch(rf"{place}{message}", str(caught.value))


def test_sizes_are_read(tmp_path: Path) -> None:
    (tmp_path / "video.json").write_text(json.dumps(SIZES))
    assert read_geometry(tmp_path) == VideoGeometry(4, 8, 4, 4)


def test_only_the_digit_may_be_left_out(tmp_path: Path) -> None:
    """Then the model takes no prompt."""
    path = tmp_path / "video.json"
    path.write_text(json.dumps({name: SIZES[name] for name in SIZES if name != "digit_pixels"}))
    assert read_geometry(tmp_path) == VideoGeometry(4, 8, 4, digit_pixels=None)
    for left_out in ("frames", "canvas_pixels", "patch_pixels"):
        fields = {name: SIZES[name] for name in SIZES if name != left_out}
        check_refused(tmp_path, json.dumps(fields).encode(), f": {left_out}: found nothing: .*")


@pytest.mark.parametrize("name", sorted(SIZES))
@pytest.mark.parametrize("value", [0, -4, 4.0, True, None, "4", [4], {}, 2**31, 10**400, -0.0])
def test_a_size_that_is_no_whole_number_of_the_range_is_refused(
    tmp_path: Path, name: str, value: Any
) -> None:
    text = json.dumps(SIZES | {name: value}).encode()
    limit = rf"must be a whole number from 1 to {2**31 - 1}"
    check_refused(tmp_path, text, rf": {name}: found .*: {limit}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a":' * 100_000, ": found nesting too deep: must be valid JSON"),
        (b'{"frames": ' + b"[" * 100_000, ": found nesting too deep: must be valid JSON"),
        (b'{"frames": 1, "frames": 2}', ': found duplicate key "frames": must be valid JSON'),
        (b'{"frames": NaN}', ": found NaN, which is no JSON: must be valid JSON"),
        (b"[4, 8, 4, 4]", ": found a list of 4: must be a JSON object"),
        (b"\xff{}", ": found text that is not UTF-8: must be valid JSON"),
        (b"", ": found .*: must be valid JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", ": found a Git LFS pointer: must be .*"),
        (b"{}", ": frames: found nothing: must be a whole number from 1 .*"),
        (
            json.dumps(SIZES | {"speed": 1}).encode(),
            ': "speed": found an unknown key: must be one of frames, .*',
        ),
        (
            json.dumps(SIZES | {"canvas_pixels": 9}).encode(),
            ": canvas_pixels: found 9: must be a multiple of patch_pixels = 4",
        ),
        (
            json.dumps(SIZES | {"digit_pixels": 12}).encode(),
            ": digit_pixels: found 12: must be at most canvas_pixels = 8",
        ),
    ],
)
def test_what_does_not_say_the_sizes_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    check_refused(tmp_path, text, message)


def test_a_directory_is_no_geometry(tmp_path: Path) -> None:
    (tmp_path / "video.json").mkdir()
    with pytest.raises(CheckpointError, match=r"found no regular file: must be a readable file$"):
        read_geometry(tmp_path)
    with pytest.raises(CheckpointError, match="found No such file or directory: must be"):
        read_geometry(tmp_path / "none")
