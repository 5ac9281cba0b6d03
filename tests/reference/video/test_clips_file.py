"""Recorded clips: every integer type is read, and the whole file is checked before any use."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastcar.reference.errors import CheckpointError
from fastcar.reference.video.clips_file import read_clips
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.prompt import Prompt, PromptVocabulary
from fastcar.reference.video.vocabulary import BeginVocabulary, Vocabulary
from tests.reference.video.video_files import write_tensors

GEOMETRY = VideoGeometry(frames=2, canvas_pixels=8, patch_pixels=4, digit_pixels=4)
VOCABULARY = PromptVocabulary(num_codes=12, places=GEOMETRY.positions_per_axis)
IDS = np.random.default_rng(0).integers(0, 12, (3, 12))
PROMPTS = np.array([[3, 1, 0], [0, -1, -1], [9, 0, 1]])
Arrays = dict[str, NDArray[Any]]


def make_arrays(**changes: NDArray[Any]) -> Arrays:
    arrays: Arrays = {
        "held_out.token_ids": IDS.astype(np.uint8),
        "held_out.prompts": PROMPTS.astype(np.int8),
    }
    return arrays | {f"held_out.{name}": array for name, array in changes.items()}


def check_refused(
    directory: Path, arrays: Arrays, message: str, vocabulary: Vocabulary = VOCABULARY
) -> None:
    write_tensors(directory / "clips.safetensors", dict(arrays))
    with pytest.raises(CheckpointError) as caught:
        read_clips(directory, GEOMETRY, vocabulary)
    place = re.escape(str(directory / "clips.safetensors"))
    assert re.fullmatch(rf"{place}: {message}", str(caught.value))


def put(array: NDArray[Any], row: int, column: int, value: float) -> NDArray[Any]:
    changed = array.copy()
    changed[row, column] = value
    return changed


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
@pytest.mark.parametrize("signed", [True, False])
def test_every_integer_type_is_read(tmp_path: Path, dtype: type[Any], signed: bool) -> None:
    name = np.dtype(dtype).name
    ids = IDS.astype(name if signed else f"u{name}")
    arrays = make_arrays(token_ids=ids, prompts=PROMPTS.astype(dtype))
    write_tensors(tmp_path / "clips.safetensors", dict(arrays))
    (split, clips), *others = read_clips(tmp_path, GEOMETRY, VOCABULARY).items()
    assert (split, others) == ("held_out", [])
    assert clips.token_ids.dtype == np.int64
    assert np.array_equal(clips.token_ids, IDS)
    assert clips.prompts == (Prompt(3, 1, 0), Prompt(0, -1, -1), Prompt(9, 0, 1))


def test_start_places_may_be_recorded_too(tmp_path: Path) -> None:
    starts = np.concatenate([PROMPTS, [[0, 1], [1, 1], [1, 0]]], axis=1)
    write_tensors(tmp_path / "clips.safetensors", dict(make_arrays(prompts=starts)))
    clips = read_clips(tmp_path, GEOMETRY, VOCABULARY)["held_out"]
    assert clips.prompts[2] == Prompt(9, 0, 1, start_x=1, start_y=0)


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (0, 0, 12, r"digit = 12 in row 0: must be in \[0, 10\)"),
        (1, 0, -1, r"digit = -1 in row 1: must be in \[0, 10\)"),
        (2, 1, 2, r"velocity_x, velocity_y = \(2, 1\) in row 2: must be two of .*"),
        (0, 1, 0, r"velocity_x, velocity_y = \(0, 0\) in row 0: must be two of .*, not both 0"),
        (1, 3, -1, r"start_x = -1 in row 1: must be in \[0, 2\)"),
        (2, 4, 2, r"start_y = 2 in row 2: must be in \[0, 2\)"),
    ],
)
def test_a_prompt_that_the_model_cannot_be_given_is_refused(
    tmp_path: Path, row: int, column: int, value: int, message: str
) -> None:
    prompts = np.concatenate([PROMPTS, np.zeros((3, 2), np.int64)], axis=1)
    arrays = make_arrays(prompts=put(prompts, row, column, value))
    check_refused(tmp_path, arrays, rf'tensor "held_out.prompts": found {message}')


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        (put(IDS, 2, 5, 12), r"12 at \[2, 5\]"),
        (put(IDS, 0, 0, -1), r"-1 at \[0, 0\]"),
        (put(IDS.astype(np.uint64), 1, 3, 2**64 - 1), rf"{2**64 - 1} at \[1, 3\]"),
    ],
)
def test_a_token_that_is_no_code_is_refused(tmp_path: Path, ids: NDArray[Any], found: str) -> None:
    limit = r"must be in \[0, 12\), the codes"
    arrays = make_arrays(token_ids=ids)
    check_refused(tmp_path, arrays, rf'tensor "held_out.token_ids": found {found}: {limit}')


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"token_ids": IDS.astype(np.float32)}, '"held_out.token_ids": dtype: found "F32": .*'),
        ({"token_ids": IDS > 5}, '"held_out.token_ids": dtype: found "BOOL": .*'),
        ({"prompts": PROMPTS.astype(np.float64)}, '"held_out.prompts": dtype: found "F64": .*'),
        ({"token_ids": IDS[:2]}, r'"held_out.token_ids": shape: found \[2, 12\]: must be \[3, .*'),
        ({"token_ids": IDS[:, :11]}, ".* at least 8 in whole frames of 4], a row for each prompt"),
        ({"token_ids": IDS[:, :4]}, r'"held_out.token_ids": shape: found \[3, 4\]: .*'),
        ({"token_ids": IDS.reshape(-1)}, r'"held_out.token_ids": shape: found \[36\]: .*'),
        ({"token_ids": IDS.reshape(3, 3, 4)}, r".*shape: found \[3, 3, 4\]: .*"),
        ({"token_ids": IDS[:0], "prompts": PROMPTS[:0]}, r".*: shape: found \[0, 12\]: .*"),
        ({"prompts": PROMPTS[:, :2]}, r'"held_out.prompts": shape: found \[3, 2\]: .*'),
        ({"prompts": np.ones((3, 4), np.int8)}, r'"held_out.prompts": shape: found \[3, 4\]: .*'),
        ({"prompts": PROMPTS[0]}, r'"held_out.prompts": shape: found \[3\]: .*'),
        ({"prompts": np.array(3)}, r'"held_out.prompts": shape: found \[\]: .*'),
        ({"titles": PROMPTS}, '"held_out.titles": found an unknown tensor: .*'),
    ],
)
def test_another_type_or_shape_is_refused(tmp_path: Path, changes: Arrays, message: str) -> None:
    check_refused(tmp_path, make_arrays(**changes), f"tensor {message}")


def test_every_split_is_checked_and_whole(tmp_path: Path) -> None:
    """A wrong calibration clip is refused although only held-out ones are asked for."""
    wrong = {"calibration.token_ids": IDS, "calibration.prompts": PROMPTS + 90}
    check_refused(tmp_path, make_arrays() | wrong, 'tensor "calibration.prompts": found digit = .*')
    del wrong["calibration.prompts"]
    message = 'tensor "calibration.prompts": found nothing: must be there, as calibration has clips'
    check_refused(tmp_path, make_arrays() | wrong, message)
    check_refused(tmp_path, {}, "found no tensors: must be at least one split .*")


def test_clips_of_a_model_that_takes_no_prompt_are_tokens_alone(tmp_path: Path) -> None:
    arrays: Arrays = {"cube.token_ids": IDS, "castel.token_ids": IDS[:1].astype(np.uint16)}
    write_tensors(tmp_path / "clips.safetensors", dict(arrays))
    recorded = read_clips(tmp_path, GEOMETRY, BeginVocabulary(12))
    assert sorted(recorded) == ["castel", "cube"]
    assert np.array_equal(recorded["cube"].token_ids, IDS)
    assert recorded["cube"].prompts == (None, None, None)
    assert recorded["cube"].take(2).prompts == (None, None)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            make_arrays(),
            'tensor "held_out.prompts": found prompts: must be left out: without digit_pixels .*',
        ),
        (
            {"cube.token_ids": IDS, "castel.prompts": PROMPTS},
            'tensor "castel.prompts": found prompts: must be left out: .*',
        ),
        (
            {"cube.titles": IDS},
            ".*: found an unknown tensor: must be 'SPLIT.token_ids', SPLIT of a-z and _",
        ),
        (
            {"cube.token_ids": put(IDS, 1, 3, 12)},  # "begin" is no code
            r'tensor "cube.token_ids": found 12 at \[1, 3\]: must be in \[0, 12\), the codes',
        ),
        (
            {"cube.token_ids": IDS[:, :4]},
            r".*: shape: found \[3, 4\]: must be \[clips, at least 8 in .*, a row for each clip",
        ),
        ({"cube.token_ids": IDS[:0]}, r".*: shape: found \[0, 12\]: .*"),
        ({"cube.token_ids": IDS.reshape(-1)}, r".*: shape: found \[36\]: .*"),
        ({}, "found no tensors: must be at least one split of token_ids"),
    ],
)
def test_other_clips_of_such_a_model_are_refused(
    tmp_path: Path, arrays: Arrays, message: str
) -> None:
    check_refused(tmp_path, arrays, message, BeginVocabulary(12))
