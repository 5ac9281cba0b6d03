"""Where the videos of a request come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.model import VideoModel, load_video_model
from fastcar.request import GenerationRequest
from fastcar.video_sources import get_sources
from tests.fastcar.tiny_video_model import (
    FRAMES,
    NUM_CODES,
    TOKENS_PER_FRAME,
    save_tiny_video_model,
)


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


@pytest.fixture
def promptless(tmp_path: Path) -> VideoModel:
    """One that takes no prompt."""
    return load_video_model(save_tiny_video_model(tmp_path / "promptless", takes_prompts=False))


def test_a_model_without_prompts_starts_from_begin_alone(promptless: VideoModel) -> None:
    sources = get_sources(GenerationRequest(batch=3), promptless)
    assert (sources.labels, sources.prompts) == (("begin",) * 3, (None,) * 3)
    assert sources.encoded.conditional.tolist() == [[NUM_CODES]] * 3
    assert sources.truth_ids is None
    assert GenerationRequest(frames=15).get_frames(promptless) == 15
    with pytest.raises(ArgumentError, match=r"^frames = 16: must be at most 15, the model's"):
        GenerationRequest(frames=16).get_frames(promptless)


def test_a_model_without_prompts_continues_its_clips(promptless: VideoModel) -> None:
    sources = get_sources(GenerationRequest(clips=("held_out:1-2",), batch=2), promptless)
    assert sources.labels == ("held_out:1",) * 2 + ("held_out:2",) * 2
    assert sources.prompts == (None,) * 4
    assert sources.truth_ids is not None


@pytest.mark.parametrize("text", ["3 up", "a cube", ""])
def test_any_prompt_of_a_model_without_prompts_is_refused(
    promptless: VideoModel, text: str
) -> None:
    limit = f"^prompt = '{text}': must be left out: the model takes no prompt$"
    with pytest.raises(ArgumentError, match=limit):
        get_sources(GenerationRequest(prompts=(text,)), promptless)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("clips", [(), ("held_out:0",)])
def test_guidance_of_a_model_without_prompts_is_refused(
    promptless: VideoModel, scale: float, clips: tuple[str, ...]
) -> None:
    limit = f"^guidance = {scale}: must be left out: the model takes no prompt that could guide$"
    with pytest.raises(ArgumentError, match=limit):
        get_sources(GenerationRequest(clips=clips, guidance=scale), promptless)


def test_a_model_with_prompts_is_given_one_or_a_clip(model: VideoModel) -> None:
    with pytest.raises(ArgumentError, match=r"^prompt, continue = 'neither': must be one of the"):
        get_sources(GenerationRequest(), model)
    with pytest.raises(ArgumentError, match=r"^prompt, continue = 'both': must be one of the two$"):
        GenerationRequest(prompts=("3 up",), clips=("held_out:0",))
