"""A video model as a whole: what its files must agree on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.video.model import load_video_model
from tests.fastcar.tiny_video_model import save_tiny_video_model


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Codes 12, 8x8 pixels of 4x4 patches, 4 frames of 4 tokens, 64 positions."""
    return save_tiny_video_model(tmp_path / "model")


def test_positions_must_suffice_for_a_prompt_and_the_frames(directory: Path) -> None:
    change(directory / "config.json", max_position_embeddings=22)
    assert load_video_model(directory).config.max_position_embeddings == 22
    change(directory / "config.json", max_position_embeddings=21)
    limit = "config.json: max_position_embeddings: found 21: must be at least 22: a prompt and 4 "
    with pytest.raises(CheckpointError, match=limit):
        load_video_model(directory)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"frames": 15}, "max_position_embeddings: found 64: must be at least 66"),
        ({"frames": 2**31 - 1}, "max_position_embeddings: found 64: "),
        ({"canvas_pixels": 12}, "vocab_size: found 34: must be 36, the codebook's"),
        ({"canvas_pixels": 2**31 - 4}, "vocab_size: found 34: "),
        ({"canvas_pixels": 8, "patch_pixels": 2}, "patch_pixels = 2 squared"),
        ({"digit_pixels": 8}, "vocab_size: found 34: must be 32, the codebook's"),
    ],
)
def test_sizes_that_do_not_fit_the_other_files_are_refused(
    directory: Path, fields: dict[str, int], text: str
) -> None:
    change(directory / "video.json", **fields)
    with pytest.raises(CheckpointError, match=text):
        load_video_model(directory)


def test_clips_are_asked_for_by_the_name_of_their_split(directory: Path) -> None:
    model = load_video_model(directory)
    assert len(model.load_clips("calibration").prompts) == 6
    known = r"^clips = 'test': must be one of \['calibration', 'held_out'\]$"
    with pytest.raises(ArgumentError, match=known):
        model.load_clips("test")
    (directory / "clips.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"clips\.safetensors: found No such file"):
        model.load_clips("calibration")


@pytest.fixture
def promptless(tmp_path: Path) -> Path:
    """The same sizes without a digit: 13 token ids, 1 token before the 16 of a video."""
    return save_tiny_video_model(tmp_path / "promptless", takes_prompts=False)


def test_a_model_without_prompts_needs_one_position_before_the_frames(promptless: Path) -> None:
    change(promptless / "config.json", max_position_embeddings=17)
    model = load_video_model(promptless)
    assert not model.takes_prompts
    assert model.load_rows("held_out").prompts.conditional.tolist() == [[12]] * 6
    change(promptless / "config.json", max_position_embeddings=16)
    limit = "max_position_embeddings: found 16: must be at least 17: a prompt and 4 frames"
    with pytest.raises(CheckpointError, match=limit):
        load_video_model(promptless)


def test_with_and_without_prompts_are_not_taken_for_each_other(
    directory: Path, promptless: Path
) -> None:
    change(promptless / "video.json", digit_pixels=4)
    with pytest.raises(CheckpointError, match="vocab_size: found 13: must be 34, the codebook's"):
        load_video_model(promptless)
    sizes = json.loads((directory / "video.json").read_text())
    del sizes["digit_pixels"]
    (directory / "video.json").write_text(json.dumps(sizes))
    limit = "vocab_size: found 34: must be 13, the codebook's and one more, as video.json has no d"
    with pytest.raises(CheckpointError, match=limit):
        load_video_model(directory)
