"""Where the videos of a request come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.model import VideoModel, load_video_model
from fastcar.request import GenerationRequest, get_sources
from tests.fastcar.tiny_video_model import FRAMES, TOKENS_PER_FRAME, save_tiny_video_model


@pytest.fixture
def model(tmp_path: Path) -> VideoModel:
    """A tiny one whose calibration clips are a frame shorter than the held-out ones."""
    directory = save_tiny_video_model(tmp_path / "model")
    arrays = load_file(directory / "clips.safetensors")
    shorter = arrays["calibration.token_ids"][:, :-TOKENS_PER_FRAME]
    arrays["calibration.token_ids"] = np.ascontiguousarray(shorter)
    save_file(arrays, directory / "clips.safetensors")
    return load_video_model(directory)


def test_clips_of_two_lengths_share_the_frames_that_both_have(model: VideoModel) -> None:
    sources = get_sources(GenerationRequest(clips=("held_out:0", "calibration:2-3")), model)
    assert sources.truth_ids is not None
    assert sources.truth_ids.shape == (3, (FRAMES - 1) * TOKENS_PER_FRAME)
    held_out = model.load_clips("held_out").token_ids
    assert np.array_equal(sources.truth_ids[0], held_out[0, : sources.truth_ids.shape[1]])


def test_more_true_frames_than_were_recorded_are_refused(model: VideoModel) -> None:
    request = GenerationRequest(clips=("held_out:0", "calibration:1"), given_frames=FRAMES)
    limit = r"^given_frames = 5: must be at most 4, the recorded frames of calibration$"
    with pytest.raises(ArgumentError, match=limit):
        get_sources(request, model)
